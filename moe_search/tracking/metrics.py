"""Metrics under the names they have in MLflow, which groups its charts by what is before a /."""

import re
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from moe_search.engine.trial import EpochReport, TrialResult
from moe_search.errors import UserError
from moe_search.moe.cost import cost
from moe_search.spec.kinds.metrics import HEADLINE, METRICS
from moe_search.spec.sections.objective import VALUE
from moe_search.words import one_line

_LOSS = ("training", "loss")
OBJECTIVE = "objective"
"""The rounded value of a study with one."""


class Point(NamedTuple):
    """One value of a metric after an epoch."""

    name: str
    value: float
    epoch: int


def history_points(histories: Sequence[Sequence[EpochReport]]) -> list[Point]:
    """``validation/NAME`` and ``training/loss`` after each epoch, means over the histories.

    A training that ended earlier than others stays as it was.
    """
    points = []
    most = max(map(len, histories))
    full = [[*history, *[*history[-1:]] * (most - len(history))] for history in histories]
    for reports in zip(*full, strict=True):
        epoch = max(report.epoch for report in reports)
        points += [
            Point(f"validation/{name}", fmean(report.metrics[name] for report in reports), epoch)
            for name in reports[0].metrics
        ]
        loss = fmean(report.training_loss for report in reports)
        points.append(Point("training/loss", loss, epoch))
    return points


def result_points(results: Sequence[TrialResult], values: Mapping[str, float]) -> list[Point]:
    """All of a configuration trained from one or more seeds, each metric's last point final.

    ``seed-N/NAME`` are the final validation metrics of each seed where there are several;
    ``test/NAME`` those on the test split and ``training/NAME`` those of the trained model on the
    training split, means over the seeds, where these were evaluated; ``inference/NAME`` is what an
    answer costs, where that is known.

    Beside these, which have all digits, stand the few that people look at first under short names
    and rounded, for MLflow's table cuts what is longer: see ``column_name``.

    What was trained on the validation samples, too, has no ``validation/NAME``.
    """
    final = {**values, "training/seconds": sum(result.seconds for result in results)}
    if len(results) > 1:
        for result in results:
            metrics = result.validation.metrics()
            final |= {f"seed-{result.seed}/{name}": metrics[name] for name in metrics}
    for split in ("training", "test"):
        decompositions = [getattr(result, split) for result in results]
        seeds: list[dict[str, float]] = [d.metrics() for d in decompositions if d is not None]
        # the loss during training is another number of that name, with regularizers
        names = [name for name in (seeds[0] if seeds else {}) if (split, name) != _LOSS]
        final |= {f"{split}/{name}": fmean(seed[name] for seed in seeds) for name in names}
    answer = cost(results[0].architecture, results[0].experts)
    if answer is not None:
        final |= {
            "inference/experts": answer.experts,
            "inference/multiply_adds": answer.multiply_adds,
        }
    final |= _short_points(results, values)
    points = history_points([result.history for result in results])
    if results[0].on_all:
        points = [point for point in points if point.name.startswith("training/")]
    last = max(result.history[-1].epoch for result in results)
    return points + [Point(name, value, last) for name, value in final.items()]


def column_name(metric: str) -> str:
    """What a metric is called at the head of a column of MLflow's, which takes no brackets."""
    return re.sub(r"\W+", "_", METRICS[metric].symbol).strip("_")


def _short_points(results: Sequence[TrialResult], values: Mapping[str, float]) -> dict[str, float]:
    """Of the test split where it was evaluated, or else of the validation split."""
    judged = [(result.test or result.validation).metrics() for result in results]
    means = {name: fmean(metrics[name] for metrics in judged) for name in HEADLINE}
    short = {column_name(name): round(mean, METRICS[name].digits) for name, mean in means.items()}
    return short | ({OBJECTIVE: round(values[VALUE], 4)} if VALUE in values else {})


def read_history(client: MlflowClient, run_id: str, name: str) -> list[tuple[int, float]]:
    """A metric of a run after each epoch, in order: pairs of the epoch and the value.

    Raises:
        UserError: the run has no such metric.
    """
    try:
        history = client.get_metric_history(run_id, name)
    except MlflowException:
        history = []
    if not history:
        raise UserError(one_line(f"MLflow run {run_id} has no metric {name}: it was deleted"))
    return sorted((point.step, point.value) for point in history)
