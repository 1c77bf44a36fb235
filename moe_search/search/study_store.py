"""The study in Optuna's storage: opening, going on, and what was left by an earlier run."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import FrozenTrial, TrialState

from moe_search.errors import UserError
from moe_search.search.objective import directions, metric_names
from moe_search.search.pruners import make_pruner
from moe_search.search.quiet import without_warning
from moe_search.search.samplers import make_sampler
from moe_search.spec import Study, Value
from moe_search.stores.failures import told_in_one_line
from moe_search.stores.mlflow import check_store
from moe_search.stores.optuna import open_storage
from moe_search.words import one_line

COUNTED = (TrialState.COMPLETE, TrialState.PRUNED)
"""States that count towards the number of trials wanted."""

MADE = "made_with"
"""User attribute of the study: versions, machine and commit of its last run."""

SECONDS = "seconds"
"""User attribute of the study: wall time of all its runs."""

RETRY_OF = "retry_of"
"""User attribute of a trial: the number of the one whose parameters and seed it repeats."""

DEATHS = "deaths"
"""User attribute of a trial that repeats others: how many of them died."""


def open_study(study: Study, storage: RDBStorage) -> optuna.Study:
    """Create the study or go on with it.

    Raises:
        UserError: the study in the store was made with another space or objective.
    """
    kept = optuna.create_study(
        study_name=study.name,
        storage=storage,
        directions=directions(study),
        load_if_exists=True,
    )
    begun = kept.user_attrs.get("space")
    if begun is None:
        with without_warning():
            kept.set_metric_names(metric_names(study))
        kept.set_user_attr("space", study.space())
    elif changes := study.changes_since(begun):
        raise UserError(
            f"study {study.name!r} was begun with another space: {'; '.join(changes)}; "
            f"undo the change, or begin a new study with --set name={study.name}-2"
        )
    kept.sampler = make_sampler(study.search, len(kept.get_trials(deepcopy=False)))
    kept.pruner = make_pruner(study).build()
    return kept


def find_study(study: Study) -> optuna.Study:
    """The study as it stands in the store, which must exist.

    Raises:
        UserError: there is no such store or study.
    """
    url = study.optuna_url
    why = f"study {study.name!r} has not been run yet"
    if url.startswith("sqlite:") and not (file := Path(url.removeprefix("sqlite:///"))).exists():
        raise UserError(f"{why}: there is no {file}")
    check_store(url, "Optuna")
    kept = study_in(study, open_storage(study))
    if kept is None:
        raise UserError(f"{why}: it is not in {url}")
    return kept


def study_in(study: Study, storage: BaseStorage) -> optuna.Study | None:
    """The study in an open store, or None where it is not; all of it can be read.

    Raises:
        UserError: the store is damaged, or does not answer.
    """
    with told_in_one_line(study):
        try:
            kept = optuna.load_study(study_name=study.name, storage=storage)
            _ = kept.user_attrs, kept.metric_names, kept.get_trials(deepcopy=False)
        except KeyError:
            return None
        except (ValueError, TypeError) as error:
            why = f"Optuna's store is damaged; put a sound copy in its place: {error}"
            raise UserError(one_line(f"{study.optuna_url}: {why}")) from None
    return kept


def requeue(kept: optuna.Study, number: int, died: bool = False) -> bool:
    """Let a running trial that cannot be finished run again: same parameters, same first seed.

    To be called before the trial is told: if the process ends in between, the next start finds
    what is queued. A trial that waits already, or of which nothing is known, is not queued.

    Args:
        kept: the study.
        number: the trial's.
        died: whether its process died, which counts in ``deaths``.

    Returns:
        Whether it runs again.
    """
    every = kept.get_trials(deepcopy=False)
    trial = every[number]
    if any(other.user_attrs.get(RETRY_OF) == number for other in every):
        return True
    values, known = _values(trial), trial.user_attrs
    if not values and "configuration" not in known:
        return False
    attributes = {RETRY_OF: number, DEATHS: deaths(trial) + died}
    if "seed" in known:
        attributes["seed"] = known["seed"]
    kept.enqueue_trial(values, user_attrs=attributes)
    return True


def deaths(trial: FrozenTrial) -> int:
    """How often a process died that ran this trial or one that it repeats."""
    return int(trial.user_attrs.get(DEATHS, 0))


def untried(
    kept: optuna.Study, points: Iterable[Mapping[str, Value]]
) -> Iterator[dict[str, Value]]:
    """Points that no trial has tried or waits to try; a trial that failed has not."""
    tried = [
        _values(trial)
        for trial in kept.get_trials(deepcopy=False)
        if trial.state != TrialState.FAIL
    ]
    for point in points:
        if not any(point.items() <= values.items() for values in tried):
            tried.append(dict(point))
            yield dict(point)


def waiting(kept: optuna.Study) -> int:
    """How many trials are queued."""
    return len(kept.get_trials(deepcopy=False, states=(TrialState.WAITING,)))


def _values(trial: FrozenTrial) -> dict[str, Any]:
    """What a trial was given and what was suggested to it."""
    given: dict[str, Any] = trial.system_attrs.get("fixed_params", {})
    return given | trial.params
