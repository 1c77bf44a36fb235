"""A study as it stands in Optuna's store, as plain data: what tables, JSON and Python show."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from moe_search.intervals import Difference, Interval
from moe_search.search.ledger import FinalistRecord, StudyRecord, TrialRecord
from moe_search.search.objective import mean
from moe_search.search.ranking import (
    FinalistResult,
    Tried,
    best_configurations,
    finalists,
    interval_of,
)
from moe_search.search.study_store import failures, first_to_reach
from moe_search.spec import METRICS, Study, Value
from moe_search.spec.comparison import References
from moe_search.spec.kinds.stores import Stores

STATES = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
    "running": TrialState.RUNNING,
    "waiting": TrialState.WAITING,
}


@dataclass(frozen=True)
class BestTrial:
    """One of the best configurations.

    Attributes:
        trial: the number of its best trial.
        name: of its network, in a few words.
        values: the objective by name: one, a mean over its trials, or one a metric of a front.
        metrics: each metric on the validation split, likewise, entropies in bits.
        parameters: the searched values by path.
        feasible: whether it keeps every constraint.
        seconds: that its training took.
        model: URI of its trained model.
        trials: how many it has, each from a seed of its own.
        believed: mean and standard deviation of what its objective is over all seeds, by what all
            trials say together; None before the search has ended, and where nothing is believed.
    """

    trial: int
    name: str
    values: dict[str, float]
    metrics: dict[str, float]
    parameters: dict[str, Value]
    feasible: bool
    seconds: float
    model: str
    trials: int = 1
    believed: tuple[float, float] | None = None


@dataclass(frozen=True)
class Retrained:
    """The champion's configuration, trained on training and validation data together.

    Attributes:
        seed: of the model that is registered.
        seeds: how many models there are.
        test: each metric on the test split, entropies in bits.
        gain: their test error less that of the finalists of the same seeds.
    """

    seed: int
    seeds: int
    test: dict[str, Interval]
    gain: Interval


@dataclass(frozen=True)
class Summary:
    """A study as it stands.

    Attributes:
        trials: the number wanted.
        counts: trials by state.
        best: the best configurations, best first.
        finalists: best first, by their mean objective on validation.
        champion: URI of the registered model; None before there is one.
        references: numbers of others to compare the finalists with.
        active: when a trial last began or ended, local time with its offset.
        margin: the second finalist's test error less the first's; None of fewer than two.
        failure: why trials failed most often, where none was trained; empty otherwise.
        target: metrics at which the search ends early; empty without.
        reached: the trial that reached them first, by its number; None before there is one.
        retrained: what is registered in the champion's place; None where that is a finalist's.
    """

    study: str
    trials: int
    counts: dict[str, int]
    best: tuple[BestTrial, ...]
    finalists: tuple[FinalistResult, ...]
    champion: str | None
    references: References
    active: datetime | None
    stores: Stores
    margin: Difference | None = None
    failure: str = ""
    target: Mapping[str, float] = field(default_factory=dict)
    reached: int | None = None
    retrained: Retrained | None = None

    @property
    def champion_result(self) -> FinalistResult | None:
        """What the champion's configuration reached; None before there is one."""
        return next((finalist for finalist in self.finalists if finalist.champion), None)


def summarize(study: Study, optuna_study: optuna.Study, count: int) -> Summary:
    """Read a study off its store.

    Args:
        study: what was asked for.
        optuna_study: the study in the store.
        count: how many of the best configurations there shall be at most.
    """
    trials = optuna_study.get_trials(deepcopy=False)
    states = Counter(trial.state for trial in trials)
    record = StudyRecord.of(optuna_study)
    results = tuple(finalists(study.objective, optuna_study, study.finalists.choose))
    return Summary(
        study=study.name,
        trials=study.trials,
        counts={name: states[state] for name, state in STATES.items()},
        best=tuple(
            _best(study, tried)
            for tried in best_configurations(study.objective, optuna_study, study.finalists.choose)[
                :count
            ]
        ),
        finalists=results,
        margin=_margin(results, record.finalists),
        champion=record.champion.uri if record.champion else None,
        references=study.finalists.references,
        active=_active(trials),
        stores=study.stores,
        failure=next(iter(failures(optuna_study)), ""),
        target=study.search.target,
        reached=first_to_reach(study.search.target, optuna_study),
        retrained=_retrained(record),
    )


def plain(summary: Summary) -> dict[str, Any]:
    """What JSON knows: times as ISO 8601, None for a number that is not known."""
    values: dict[str, Any] = finite(asdict(summary))
    return values


def finite(value: Any) -> Any:
    """Nested data as JSON knows it, see ``plain``."""
    match value:
        case dict():
            return {key: finite(entry) for key, entry in value.items()}
        case list() | tuple():
            return [finite(entry) for entry in value]
        case datetime():
            return value.isoformat(timespec="seconds")
        case float() if not math.isfinite(value):
            return None
    return value


def _best(study: Study, tried: Tried) -> BestTrial:
    trial = tried.trials[0]
    records = [TrialRecord.of(other) for other in tried.trials]
    if study.objective.pareto is not None:
        records = records[:1]
    return BestTrial(
        trial=trial.number,
        name=records[0].name,
        values=dict(zip(study.objective.names, tried.values, strict=True)),
        metrics=mean([record.metrics for record in records]),
        parameters=dict(trial.params),
        feasible=tried.feasible,
        seconds=records[0].seconds,
        model=records[0].model,
        trials=len(records),
        believed=tried.believed,
    )


def _margin(
    results: Sequence[FinalistResult], records: Sequence[FinalistRecord]
) -> Difference | None:
    """Of the seeds that both have: two models of one seed saw the same samples in one order."""
    if len(results) < 2:
        return None
    first, second = (
        {record.seed: record.test["error"] for record in records if record.trial == result.trial}
        for result in results[:2]
    )
    pairs = [second[seed] - first[seed] for seed in sorted(first.keys() & second.keys())]
    return (
        Difference(f"trial {results[1].trial}", len(pairs), Interval.of(pairs)) if pairs else None
    )


def _retrained(record: StudyRecord) -> Retrained | None:
    """Where the registered model is one of them, all of its configuration."""
    champion = record.champion
    if champion is None or champion.model_id not in {one.model_id for one in record.retrained}:
        return None
    errors, before = (
        {one.seed: one.test["error"] for one in records if one.trial == champion.trial}
        for records in (record.retrained, record.finalists)
    )
    tests = [one.test for one in record.retrained if one.trial == champion.trial]
    samples = record.samples.get("test")
    return Retrained(
        seed=champion.seed,
        seeds=len(tests),
        test={name: interval_of(name, [test[name] for test in tests], samples) for name in METRICS},
        gain=Interval.of([errors[s] - before[s] for s in sorted(errors.keys() & before.keys())]),
    )


def _active(trials: list[FrozenTrial]) -> datetime | None:
    moments = [t.datetime_complete or t.datetime_start for t in trials]
    known = [moment for moment in moments if moment is not None]
    # Optuna keeps UTC, and gives the reader's local time without saying so
    return max(known).astimezone() if known else None
