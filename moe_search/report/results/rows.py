"""What a comparison found: each row's runs, beside the reference and beside the other rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median_low

import optuna
from optuna.trial import FrozenTrial, TrialState

from moe_search.engine.stages import stages
from moe_search.intervals import Difference, Interval, welch
from moe_search.moe.cost import Cost
from moe_search.search.ledger import StudyRecord, TrialRecord
from moe_search.search.objective import gain
from moe_search.search.ranking import interval_of
from moe_search.spec import METRICS, Study
from moe_search.spec.comparison import TRAINING_ERROR
from moe_search.spec.study import ROW, SEED

_ROUNDED = 0.0005  # half of the last digit that publications print


@dataclass(frozen=True)
class Run:
    """One row trained from one seed.

    Attributes:
        value: the first objective, on validation.
        metrics: on the test split by name, and ``training_error``.
        seconds: that its training took: its share of a worker's time.
        run_id: in MLflow, with its decomposition on the test split.
        cost: of one answer of its model, where it is known.
    """

    seed: int
    trial: int
    value: float
    metrics: dict[str, float]
    seconds: float
    run_id: str
    cost: Cost | None = None


@dataclass(frozen=True)
class RowResult:
    """A row with the runs it has so far.

    Attributes:
        epochs: of one training, in all stages.
        best: the run with the best value on validation.
        median: the run with the median test error, the lower one of two.
        reference: by metric: mean and standard deviation, or the number of one run.
        samples: of the data by split, where they are known.
        reference_runs: that the reference is over, where that is known.
    """

    name: str
    experts: int
    epochs: int
    runs: tuple[Run, ...]
    best: Run
    median: Run
    reference: dict[str, tuple[float, ...]]
    samples: dict[str, int]
    reference_runs: int | None = None

    def spread(self, metric: str) -> Interval:
        """A metric over the runs."""
        values = [run.metrics[metric] for run in self.runs]
        if metric == TRAINING_ERROR:
            return interval_of("error", values, self.samples.get("training"))
        return interval_of(metric, values, self.samples.get("test"))

    def welch(self, metric: str) -> float:
        """How often a metric's mean and its reference would differ so by chance: p of Welch's t.

        NaN where the reference's SD or runs, or an SD of ours, are not known.
        """
        reference = self.reference.get(metric, ())
        if len(reference) < 2 or not self.reference_runs:
            return math.nan
        interval, (mean, deviation) = self.spread(metric), reference
        ours = interval.mean, interval.deviation, len(self.runs)
        return welch(ours, (mean, deviation, self.reference_runs))

    @property
    def cost(self) -> Cost | None:
        """Of one answer, where it is known."""
        return self.runs[0].cost

    @property
    def seconds_per_epoch(self) -> float:
        """Mean over the runs."""
        return fmean(run.seconds for run in self.runs) / self.epochs


def compare(study: Study, optuna_study: optuna.Study) -> list[RowResult]:
    """The rows that have runs, in the order of the study."""
    by_row: dict[str, list[Run]] = {name: [] for name in study.configurations}
    for trial in optuna_study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        if trial.params.get(ROW) in by_row:
            by_row[trial.params[ROW]].append(_run(trial))
    samples = dict(StudyRecord.of(optuna_study).samples)
    return [
        _row(study, name, sorted(runs, key=lambda run: run.seed), samples)
        for name, runs in by_row.items()
        if runs
    ]


def differences(rows: Sequence[RowResult]) -> list[Difference]:
    """Every later row against the first one: pairs of one seed differ in the configuration only."""
    if not rows:
        return []
    base = {run.seed: run.metrics["error"] for run in rows[0].runs}
    against_first = []
    for row in rows[1:]:
        pairs = [run.metrics["error"] - base[run.seed] for run in row.runs if run.seed in base]
        if pairs:
            against_first.append(Difference(row.name, len(pairs), Interval.of(pairs)))
    return against_first


def agrees(metric: str, interval: Interval, reference: tuple[float, ...]) -> str:
    """Whether a mean lies within two of the reference's standard deviations: inside, better, off.

    References are taken as rounded to three decimals, mean and SD alike. Empty where the reference
    is one run, which has no standard deviation.
    """
    if len(reference) < 2:
        return ""
    mean, deviation = reference
    if abs(interval.mean - mean) <= 2 * (deviation + _ROUNDED) + _ROUNDED:
        return "inside"
    direction = "minimize" if metric == TRAINING_ERROR else METRICS[metric].better
    return "better" if (interval.mean < mean) == (direction == "minimize") else "off"


def _run(trial: FrozenTrial) -> Run:
    record = TrialRecord.of(trial)
    return Run(
        seed=trial.params[SEED],
        trial=trial.number,
        value=trial.values[0],
        metrics={**record.test, TRAINING_ERROR: record.training_error},
        seconds=record.seconds,
        run_id=record.run_id,
        cost=record.cost,
    )


def _row(study: Study, name: str, runs: list[Run], samples: dict[str, int]) -> RowResult:
    middle = median_low([run.metrics["error"] for run in runs])
    configuration = study.configuration({ROW: name})
    model = configuration.model
    return RowResult(
        name=name,
        experts=1 if model.kind == "single" else model.experts,
        epochs=sum(stage.epochs for stage in stages(configuration)),
        runs=tuple(runs),
        best=max(runs, key=lambda run: gain(study.objective, run.value)),
        median=next(run for run in runs if run.metrics["error"] == middle),
        reference={
            metric: tuple(numbers)
            for metric, numbers in study.configurations[name].reference.items()
        },
        samples=samples,
        reference_runs=study.configurations[name].reference_runs,
    )
