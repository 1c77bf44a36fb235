"""The study in Optuna's storage: opening, going on, and what was left by an earlier run."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import uuid4

import optuna
from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import FrozenTrial, TrialState

from moe_search.credentials import without_credentials
from moe_search.engine.trial import expert_count
from moe_search.errors import UserError
from moe_search.search import objective
from moe_search.search.ledger import StudyRecord, TrialRecord, repeated
from moe_search.spec import Study, Value
from moe_search.spec.kinds.stores import Addresses, store_file
from moe_search.stores.checks import check_store
from moe_search.stores.failures import as_user_error
from moe_search.stores.moved import follow_move
from moe_search.stores.optuna import open_storage
from moe_search.stores.quiet import without_warning
from moe_search.words import one_line

COUNTED = (TrialState.COMPLETE, TrialState.PRUNED)
"""States that count towards the number of trials wanted."""


def open_study(study: Study, storage: RDBStorage) -> optuna.Study:
    """Create the study or go on with it.

    Raises:
        UserError: the study in the store was made with another space or objective.
    """
    optuna_study = optuna.create_study(
        study_name=study.name,
        storage=storage,
        directions=study.objective.directions,
        load_if_exists=True,
    )
    begun = StudyRecord.of(optuna_study).space
    if not begun:
        with without_warning():
            optuna_study.set_metric_names(study.objective.names)
        StudyRecord(id=uuid4().hex, space=study.space()).write(optuna_study)
    elif changes := study.changes_since(begun):
        raise UserError(
            f"study {study.name!r} was begun with another space: {'; '.join(changes)}; "
            f"undo the change, or begin a new study with --set name={study.name}-2"
        )
    return optuna_study


def find_study(study: Study) -> optuna.Study:
    """The study as it stands in the store, which must exist; its files are found after a move.

    Raises:
        UserError: there is no such store or study.
    """
    optuna_study = stored(study.name, study.addresses)
    follow_move(study.addresses.mlflow, study.name, study.addresses.mlflow_files)
    return optuna_study


def stored(name: str, addresses: Addresses) -> optuna.Study:
    """A study of a name as it stands in a store, which must exist.

    Raises:
        UserError: there is no such store or study.
    """
    why = f"study {name!r} has not been run yet"
    if (file := store_file(addresses.optuna)) and not file.exists():
        raise UserError(f"{why}: there is no {file}")
    check_store(addresses.optuna, "Optuna")
    optuna_study = study_in(name, addresses, open_storage(addresses.optuna))
    if optuna_study is None:
        raise UserError(f"{why}: it is not in {without_credentials(addresses.optuna)}")
    return optuna_study


def study_in(name: str, addresses: Addresses, storage: BaseStorage) -> optuna.Study | None:
    """The study in an open store, or None where it is not; all of it can be read.

    Raises:
        UserError: the store is damaged, or does not answer.
    """
    with as_user_error(addresses):
        try:
            optuna_study = optuna.load_study(study_name=name, storage=storage)
            _ = (
                optuna_study.user_attrs,
                storage.get_study_system_attrs(optuna_study._study_id),
                optuna_study.metric_names,
                optuna_study.get_trials(deepcopy=False),
            )
        except KeyError:
            return None
        except (ValueError, TypeError) as error:
            why = f"Optuna's store is damaged; put a sound copy in its place: {error}"
            raise UserError(one_line(f"{addresses.optuna}: {why}")) from None
    return optuna_study


def requeue(optuna_study: optuna.Study, number: int, died: bool = False) -> bool:
    """Let a running trial that cannot be finished run again: same parameters, same first seed.

    To be called before the trial is told: if the process ends in between, the next start finds
    what is queued. A trial that waits already, or of which nothing is known, is not queued.

    Args:
        optuna_study: the study.
        number: the trial's.
        died: whether its process died, which counts in ``deaths``.

    Returns:
        Whether it runs again.
    """
    trials = optuna_study.get_trials(deepcopy=False)
    if number in repeated(trials):
        return True
    values, known = _values(trials[number]), TrialRecord.of(trials[number])
    if not values and known.configuration is None:
        return False
    deaths, of = known.deaths + died, known.replicate_of
    again = TrialRecord(retry_of=number, deaths=deaths, seed=known.seed, replicate_of=of)
    optuna_study.enqueue_trial(values, user_attrs=again.attributes())
    return True


def untried(
    optuna_study: optuna.Study,
    points: Iterable[Mapping[str, Value]],
    as_written: Callable[[Mapping[str, Any]], dict[str, Any]],
) -> Iterator[dict[str, Value]]:
    """Points that no trial has tried or waits to try; a trial that failed has not.

    Args:
        optuna_study: the study.
        points: values by path.
        as_written: makes values equal that differ by rounding alone.
    """
    tried = [
        as_written(_values(trial))
        for trial in optuna_study.get_trials(deepcopy=False)
        if trial.state != TrialState.FAIL
    ]
    seen: dict[tuple[str, ...], set[tuple[Any, ...]]] = {}  # by what a point names
    for point in map(as_written, points):
        paths = tuple(sorted(point))
        if paths not in seen:
            alike = [values for values in tried if values.keys() >= point.keys()]
            seen[paths] = {_at(values, paths) for values in alike}
        if _at(point, paths) not in seen[paths]:
            tried.append(dict(point))
            for named, known in seen.items():
                if point.keys() >= set(named):
                    known.add(_at(point, named))
            yield dict(point)


def _at(values: Mapping[str, Any], paths: Sequence[str]) -> tuple[Any, ...]:
    return tuple(values[path] for path in paths)


def waiting(optuna_study: optuna.Study) -> int:
    """How many trials are queued."""
    return len(optuna_study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))


def first_to_reach(target: Mapping[str, float], optuna_study: optuna.Study) -> int | None:
    """The number of the first trial that reached a target and keeps all constraints, if any has."""
    for trial in optuna_study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        record = TrialRecord.of(trial)
        if target and record.configuration and objective.keeps(trial.constraints):
            experts = expert_count(record.configuration)
            if objective.reaches(target, record.metrics, experts):
                return trial.number
    return None


_NO_FAULT = ("interrupted", "its coordinator died")
"""Reasons of failed trials that say nothing of the study."""


def failures(optuna_study: optuna.Study) -> list[str]:
    """Why trials failed for good, the most frequent reason first; nothing once any was trained."""
    trials = optuna_study.get_trials(deepcopy=False)
    if any(trial.state in COUNTED for trial in trials):
        return []
    again = repeated(trials)
    reasons = Counter(
        TrialRecord.of(trial).reason
        for trial in trials
        if trial.state == TrialState.FAIL and trial.number not in again
    )
    for reason in ("", *_NO_FAULT):
        del reasons[reason]
    return [reason for reason, count in reasons.most_common() for _ in range(count)]


def check_hope(optuna_study: optuna.Study, most: int) -> None:
    """Refuse a study of which no trial was trained and more than some have failed.

    Raises:
        UserError: it is one; with the most frequent reason.
    """
    reasons = failures(optuna_study)
    if len(reasons) > most:
        name, count = optuna_study.study_name, len(reasons)
        raise UserError(
            one_line(
                f"study {name!r}: all {count} trials failed, most often by: {reasons[0]}; mend "
                f"that, then go on with --set search.max_failures={count + 10}"
            )
        )


def _values(trial: FrozenTrial) -> dict[str, Any]:
    """What a trial was given and what was suggested to it."""
    given: dict[str, Any] = trial.system_attrs.get("fixed_params", {})
    return given | trial.params
