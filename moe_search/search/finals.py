"""The finals: the best configurations over fresh seeds, judged on the test split.

Every finalist has the same seeds, none of which the search used. The champion is the configuration
with the best mean value on validation, and of its models the one with the best; the test split
chooses nothing.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

from optuna.trial import FrozenTrial

from moe_search.engine.trial import EpochReport, TrialFailure, TrialResult, TrialSpec
from moe_search.progress import Note
from moe_search.search import objective
from moe_search.search.events import EpochEnded, FinalistEnded, FinalistsStarted
from moe_search.search.executors.base import Died
from moe_search.search.ranking import CHAMPION, FINALISTS, best_trials, finalists
from moe_search.search.recorder import line
from moe_search.search.session import Session
from moe_search.spec import Configuration, Study

_FRESH = 1_000_000  # far from the seeds of any search


def fresh_seeds(study: Study) -> list[int]:
    """Seeds of the finals."""
    first = _FRESH + study.search.seed * 1000
    return [first + n for n in range(study.finalists.seeds)]


def run_finals(session: Session) -> None:
    """Train what is not trained yet, record each as it ends, and register the champion.

    Raises:
        Interrupted: an end was asked for; what is recorded stays.
    """
    study, kept = session.study, session.kept
    top = best_trials(study, kept, study.finalists.top)
    ranks = {trial.number: rank for rank, trial in enumerate(top, start=1)}
    records: list[dict[str, Any]] = kept.user_attrs.get(FINALISTS, [])
    specs, trials = _missing(study, top, records)
    if specs:
        session.listener(FinalistsStarted(len(specs)))
    for result in _train(session, specs, trials):
        number = trials[result.key]
        values = objective.values(study, result.validation.metrics(), result.experts)
        record, text = session.recorder.finalist(ranks[number], number, result, values)
        records = [*records, record]
        kept.set_user_attr(FINALISTS, records)
        session.checkpoints.remove(result.configuration, result.seed)
        session.listener(FinalistEnded(number, result.seed, text))
    _crown(session)


def _missing(
    study: Study, top: list[FrozenTrial], records: list[dict[str, Any]]
) -> tuple[deque[TrialSpec], list[int]]:
    """Models still to be trained, and by their key the trial that found each."""
    done = {(record["trial"], record["seed"]) for record in records}
    specs: deque[TrialSpec] = deque()
    trials: list[int] = []
    for trial in top:
        configuration = Configuration.model_validate_json(trial.user_attrs["configuration"])
        for seed in fresh_seeds(study):
            if (trial.number, seed) not in done:
                specs.append(TrialSpec(len(trials), configuration, seed))
                trials.append(trial.number)
    return specs, trials


def _train(session: Session, waiting: deque[TrialSpec], trials: list[int]) -> Iterator[TrialResult]:
    """Results as they come; a finalist that fails, or dies too often, is said and left out."""
    executor, listener = session.executor, session.listener
    specs = {spec.key: spec for spec in waiting}
    open_keys, retries = set(specs), dict.fromkeys(specs, session.study.search.retries)
    while open_keys:
        session.interrupt.check()
        while executor.idle and waiting:
            executor.submit(session.batches.take(waiting, len(waiting), test=True))
        for event in executor.events(timeout=1.0):
            match event:
                case EpochReport():
                    seed, text = specs[event.key].seed, line(event.metrics)
                    listener(EpochEnded(trials[event.key], seed, event.epoch, text))
                case TrialResult():
                    open_keys.discard(event.key)
                    yield event
                case TrialFailure():
                    open_keys.discard(event.key)
                    listener(Note(f"a finalist failed: {event.reason}"))
                case Died():
                    again = [key for key in event.keys if retries[key] > 0]
                    for key in again:
                        retries[key] -= 1
                        waiting.append(specs[key])
                    open_keys -= set(event.keys) - set(again)
                    what = "run again" if again else "are lost"
                    listener(Note(f"finalists {what}: {event.reason}"))


def _crown(session: Session) -> None:
    """Register the champion unless it is registered already."""
    study, kept = session.study, session.kept
    ranked = finalists(study, kept)
    if not ranked:
        return
    best = max(ranked[0].records, key=lambda r: (objective.gain(study, r["value"]), -r["seed"]))
    if kept.user_attrs.get(CHAMPION, {}).get("model_id") != best["model_id"]:
        uri = session.recorder.crown(ranked[0], best)
        kept.set_user_attr(CHAMPION, {**best, "uri": uri})
