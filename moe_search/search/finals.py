"""The finals: the best configurations over fresh seeds, judged on the test split.

Finalists have the same seeds in the same order, none of which the search used, and those that can
no longer win get no more of them (``rounds``). The champion is the simplest of the configurations
that are as good as the one with the surest value on validation (``racing.finalists.taken``), among
those that keep the constraints in the mean over their seeds; of a front it is the best in the
metric to choose by. Of its models it is the best that keeps them, too. Where no finalist keeps
them, the best of all is the champion, and is marked. The test split chooses nothing.

Where it is asked for, the champion's configuration is then retrained: from the finals' first seeds,
on training and validation data together. Nothing is left to choose among these models by, so that
of the first seed is registered.
"""

from collections import Counter, deque
from collections.abc import Iterator, Sequence

import optuna
from optuna.trial import TrialState

from moe_search.engine.stages import last_epoch
from moe_search.engine.trial import EpochReport, TrialFailure, TrialResult, TrialSpec
from moe_search.errors import UserError
from moe_search.progress import Note
from moe_search.search import objective
from moe_search.search.events import EpochEnded, FinalistEnded, FinalistsStarted
from moe_search.search.executors.base import Died
from moe_search.search.ledger import ChampionRecord, FinalistRecord, StudyRecord, TrialRecord
from moe_search.search.racing.finalists import judged
from moe_search.search.racing.rounds import next_round
from moe_search.search.ranking import best_trials, finalists
from moe_search.search.recorder import line
from moe_search.search.session import Session
from moe_search.search.surrogate.beliefs import beliefs
from moe_search.spec.sections import Objective
from moe_search.words import one_line

_FRESH = 1_000_000  # far from the seeds of any search


def fresh_seeds(seed: int, count: int) -> list[int]:
    """Seeds of the finals.

    Args:
        seed: of the search.
        count: how many.
    """
    first = _FRESH + seed * 1000
    return [first + n for n in range(count)]


def run_finals(session: Session) -> None:
    """Train what is not trained yet, record each as it ends, and register the champion.

    Raises:
        Interrupted: an end was asked for; what is recorded stays.
        UserError: there are finalists, and all failed, now and in earlier runs.
    """
    study, optuna_study = session.study, session.optuna_study
    _believe(session)
    top = best_trials(study.objective, optuna_study, study.finalists.top, study.finalists.choose)
    ranks = {trial.number: rank for rank, trial in enumerate(top, start=1)}
    seeds = fresh_seeds(study.search.seed, max(study.finalists.trainings, study.finalists.seeds))
    records, lost = StudyRecord.of(optuna_study).finalists, set[tuple[int, int]]()
    reasons = Counter[str]()
    while pairs := next_round(study, tuple(ranks), seeds, records, lost):
        session.listener(FinalistsStarted(len(pairs)))
        for number, result in _train(session, pairs, reasons):
            metrics = result.validation.metrics()
            values = objective.values(study.objective, metrics, result.experts)
            record, text = session.recorder.finalist(ranks[number], number, result, values)
            records = (*records, record)
            StudyRecord(finalists=records).write(optuna_study)
            session.checkpoints.remove(TrialSpec(result.key, result.configuration, result.seed))
            session.listener(FinalistEnded(number, result.seed, text))
        lost |= set(pairs) - {(record.trial, record.seed) for record in records}
    if reasons and not records:
        raise UserError(
            one_line(
                f"study {study.name!r}: all finalists failed, most often by: "
                f"{reasons.most_common(1)[0][0]}; mend that, then the same command goes on"
            )
        )
    _crown(session)


def _believe(session: Session) -> None:
    """Record what the trials are worth by all that is known, unless it is known of all of them.

    A study whose finals an earlier version began keeps that version's order: its finalists stay.
    """
    record = StudyRecord.of(session.optuna_study)
    if record.believed is None and record.finalists:
        return
    complete = session.optuna_study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if (record.believed or {}).keys() != {trial.number for trial in complete}:
        StudyRecord(believed=beliefs(session.study, complete)).write(session.optuna_study)


def _train(
    session: Session,
    pairs: Sequence[tuple[int, int]],
    reasons: Counter[str],
    on_all: bool = False,
) -> Iterator[tuple[int, TrialResult]]:
    """Results of pairs of a trial and a seed as they come, each with its trial's number.

    A finalist that fails, or dies too often, is said, counted among ``reasons`` and left out.
    """
    executor, listener = session.executor, session.listener
    trials, specs = [number for number, _ in pairs], _specs(session.optuna_study, pairs, on_all)
    waiting = deque(specs)
    open_keys = set(range(len(specs)))
    retries = dict.fromkeys(open_keys, session.study.search.retries)
    while open_keys:
        session.interrupt.check()
        while executor.idle and waiting:
            executor.submit(session.batches.take(waiting, len(waiting), test=True))
        for event in executor.events(timeout=1.0):
            match event:
                case EpochReport():
                    seed, text = specs[event.key].seed, line(event.metrics)
                    epochs = last_epoch(specs[event.key].configuration)
                    listener(EpochEnded(trials[event.key], seed, event.epoch, epochs, text))
                case TrialResult():
                    open_keys.discard(event.key)
                    yield trials[event.key], event
                case TrialFailure():
                    open_keys.discard(event.key)
                    reasons[event.reason] += 1
                    listener(Note(f"a finalist failed: {event.reason}"))
                case Died():
                    again = [key for key in event.keys if retries[key] > 0]
                    for key in again:
                        retries[key] -= 1
                        waiting.append(specs[key])
                    lost = set(event.keys) - set(again)
                    open_keys -= lost
                    reasons.update([event.reason] * len(lost))
                    what = "run again" if again else "are lost"
                    listener(Note(f"finalists {what}: {event.reason}"))


def _specs(
    optuna_study: optuna.Study, pairs: Sequence[tuple[int, int]], on_all: bool
) -> list[TrialSpec]:
    """What workers are to train, each with its place as its key."""
    trials, specs = optuna_study.get_trials(deepcopy=False), []
    for key, (number, seed) in enumerate(pairs):
        configuration = TrialRecord.of(trials[number]).configuration
        assert configuration is not None
        specs.append(TrialSpec(key, configuration, seed, on_all))
    return specs


def _crown(session: Session) -> None:
    """Register the champion as it stands now, and mark what misses constraints."""
    goal, optuna_study = session.study.objective, session.optuna_study
    choose = session.study.finalists.choose
    ranked = finalists(goal, optuna_study, choose, anew=True)
    if not ranked:
        return
    study = StudyRecord.of(optuna_study)
    if goal.constraints:
        session.recorder.mark(ranked)
    first = ranked[0]
    if not first.feasible:
        session.listener(Note(f"no finalist keeps the constraints; the best one: {first.missed}"))
    place = objective.deciding(goal, choose)
    best = _best_model(goal, place, [r for r in study.finalists if r.trial == first.trial])
    retrained = _retrain(session, first.trial) if session.study.finalists.retrain else []
    best = retrained[0] if retrained else best
    if session.recorder.tracker.is_deleted(best.model_id):
        session.listener(Note(f"the champion's model, {best.model_id}, was deleted in MLflow"))
        return
    before = study.champion.trial if study.champion else first.trial
    if before != first.trial:
        session.listener(Note(f"the champion is trial {first.trial} now, before it was {before}"))
    uri = session.recorder.crown(first, best, retrained)
    StudyRecord(champion=ChampionRecord(**vars(best), uri=uri)).write(optuna_study)


def _retrain(session: Session, number: int) -> list[FinalistRecord]:
    """Train a trial's configuration on training and validation data what of it is not trained yet.

    Returns:
        What is trained, in the order of the seeds.
    """
    records = StudyRecord.of(session.optuna_study).retrained
    seeds = fresh_seeds(session.study.search.seed, session.study.finalists.seeds)
    done = {record.seed for record in records if record.trial == number}
    pairs = [(number, seed) for seed in seeds if seed not in done]
    if pairs:
        session.listener(FinalistsStarted(len(pairs), on_all=True))
    for _, result in _train(session, pairs, Counter(), on_all=True):
        record, text = session.recorder.retrained(number, result)
        records = (*records, record)
        StudyRecord(retrained=records).write(session.optuna_study)
        spec = TrialSpec(result.key, result.configuration, result.seed, on_all=True)
        session.checkpoints.remove(spec)
        session.listener(FinalistEnded(number, result.seed, text, on_all=True))
    own = {record.seed: record for record in records if record.trial == number}
    return [own[seed] for seed in seeds if seed in own]


def _best_model(goal: Objective, place: int, records: Sequence[FinalistRecord]) -> FinalistRecord:
    """Of a finalist's models the best by validation, of those that keep the constraints if any."""

    def rank(record: FinalistRecord) -> tuple[bool, float, int]:
        missed = objective.violations(goal, record.validation, record.experts)
        return (
            objective.keeps(missed),
            objective.gain(goal, judged(goal, record, place), place),
            -record.seed,
        )

    return max(records, key=rank)
