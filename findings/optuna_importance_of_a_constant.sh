#!/usr/bin/env bash
# Optuna 5.0.0: a parameter that had one value in every trial gets a share of the importance.
#
# Guess: what never varied cannot have mattered, so its importance is 0.
# Seen: get_param_importances(study) gives it 0.28 of 20 trials in which the other parameter alone
# decides the objective. The default evaluator became PED-ANOVA in version 5; it compares the range
# that a parameter *may* have with where the best trials lie, and a constant looks like a sharp
# preference. The fANOVA and mean-decrease-impurity evaluators give 0.
# Where it bites: fixed points that are enqueued, grids of one value, sweeps resumed with a value
# held. Tell them apart before asking, or leave parameters of one observed value out.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    'optuna==5.0.0' 'scikit-learn==1.7.2'
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import optuna
from optuna.importance import FanovaImportanceEvaluator, get_param_importances

optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
for _ in range(20):
    study.enqueue_trial({"width": 5})
    trial = study.ask()
    trial.suggest_int("width", 2, 16)
    study.tell(trial, (trial.suggest_float("rate", 0, 1) - 0.3) ** 2)
assert {trial.params["width"] for trial in study.trials} == {5}
default = get_param_importances(study)
fanova = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
print(f"optuna {optuna.__version__}: width was 5 in all {len(study.trials)} trials")
print(f"default evaluator: width {default['width']:.2f}, rate {default['rate']:.2f}")
print(f"fANOVA:            width {fanova['width']:.2f}, rate {fanova['rate']:.2f}")
assert default["width"] > 0.1, "changed: the constant has no share any more"
assert fanova["width"] == 0.0
PYTHON
