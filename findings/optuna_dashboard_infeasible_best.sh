#!/usr/bin/env bash
# optuna-dashboard 0.21.0 beside Optuna 5.0.0: an infeasible trial is shown as the best one.
#
# Guess: the dashboard and the library agree on which trial is best.
# Seen: constraints set by Trial.set_constraint, the form of Optuna 5, decide study.best_trial, and
# samplers keep to them without being told; the dashboard's answer has no constraints for any trial
# and names the infeasible one as best. It reads the form before: one list under the system attribute
# "constraints", which samplers with a constraints_func wrote. Writing that, too, marks the trial as
# infeasible in its lists and plots, but it stays the best one: of a single objective the dashboard
# asks the storage for the best value, and a storage knows no constraints.
# Where it bites: whoever takes "best trial" from the browser takes one that breaks the bounds.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    'optuna==5.0.0' 'optuna-dashboard==0.21.0'
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import io
import json

import optuna
import optuna_dashboard

optuna.logging.set_verbosity(optuna.logging.ERROR)


def shown(storage):
    """What the dashboard tells a browser of the first study."""
    told = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/api/studies/0",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
    }
    return json.loads(b"".join(optuna_dashboard.wsgi(storage)(told, lambda *_: None)))


def studied(as_before):
    storage = optuna.storages.InMemoryStorage()
    study = optuna.create_study(storage=storage, direction="maximize")
    for value, violation in ((1.0, -1.0), (2.0, 1.0)):  # the second is better, and infeasible
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        trial.set_constraint("size", violation)
        if as_before:
            storage.set_trial_system_attr(trial._trial_id, "constraints", [violation])
        study.tell(trial, value)
    page = shown(storage)
    marked = [trial["number"] for trial in page["trials"] if max(trial["constraints"], default=0) > 0]
    return study.best_trial.number, [trial["number"] for trial in page["best_trials"]], marked


library, dashboard, marked = studied(as_before=False)
print(f"optuna {optuna.__version__}: best trial {library}, which keeps the constraint")
print(f"optuna-dashboard {optuna_dashboard.__version__}: best {dashboard}, infeasible {marked}")
assert (library, dashboard, marked) == (0, [1], []), "changed"
library, dashboard, marked = studied(as_before=True)
print(f"with the system attribute of before, too: best {dashboard}, infeasible {marked}")
assert (library, dashboard, marked) == (0, [1], [1]), "changed"
PYTHON
