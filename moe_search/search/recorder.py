"""What a trial leaves behind: its MLflow run, and its attributes and page in Optuna."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import optuna
from optuna.artifacts import FileSystemArtifactStore

from moe_search.engine.trial import EpochReport, TrialResult
from moe_search.intervals import Interval
from moe_search.moe.cost import cost
from moe_search.search.ledger import FinalistRecord, TrialRecord
from moe_search.search.ranking import FinalistResult, interval_of
from moe_search.spec import Configuration
from moe_search.spec.kinds.metrics import headline
from moe_search.spec.study import ROW
from moe_search.tracking.child_runs import Logged
from moe_search.tracking.notes import attach, open_artifacts, trial_note
from moe_search.tracking.runs import Tracker


@dataclass(frozen=True)
class Recorder:
    """Writes trials to MLflow, then their attributes, note and figures to Optuna.

    Attributes:
        tracker: the study's runs in MLflow.
        folder: of the study's artifacts, among them pictures of the trials' pages.
    """

    tracker: Tracker
    folder: Path

    @cached_property
    def artifacts(self) -> FileSystemArtifactStore:
        """Pictures of the trials' pages in the Optuna dashboard."""
        return open_artifacts(self.folder)

    def complete(
        self,
        trial: optuna.Trial,
        results: Sequence[TrialResult],
        metrics: Mapping[str, float],
        values: Sequence[float],
    ) -> str:
        """Write a trained trial; returns it in one line."""
        logged = self.tracker.log_trial(trial.number, results, values, _row(trial))
        seconds = round(sum(result.seconds for result in results), 3)
        TrialRecord(seconds=seconds).write(trial)
        self._attach(trial, results[0], metrics, logged)
        return line(metrics)

    def pruned(self, trial: optuna.Trial, result: TrialResult, reason: str) -> None:
        """Write a trial that was stopped, as it stood then."""
        logged = self.tracker.log_pruned(trial.number, result, reason)
        self._attach(trial, result, result.validation.metrics(), logged, reason)

    def failed(
        self,
        trial: optuna.Trial,
        configuration: Configuration,
        history: Sequence[EpochReport],
        reason: str,
    ) -> None:
        """Write a trial that raised, died or diverged."""
        run_id = self.tracker.log_failed(trial.number, configuration, reason, history, _row(trial))
        TrialRecord(reason=reason, run_id=run_id).write(trial)
        metrics = history[-1].metrics if history else {}
        page = self.tracker.page(run_id)
        note = trial_note(trial.number, configuration, metrics, page, reason=reason)
        attach(trial, {}, note, self.artifacts)

    def _attach(
        self,
        trial: optuna.Trial,
        result: TrialResult,
        metrics: Mapping[str, float],
        logged: Logged,
        reason: str = "",
    ) -> None:
        """Every metric as an attribute, and the note and pictures of the trial's page."""
        record = TrialRecord(
            metrics=metrics,
            test=result.test.metrics() if result.test else {},
            cost=cost(result.architecture, result.experts),
            run_id=logged.run_id,
            model=logged.model_uri,
            reason=reason,
        )
        if result.training is not None:
            record = replace(record, training_error=result.training.metrics()["error"])
        record.write(trial)
        page = self.tracker.page(logged.run_id)
        note = trial_note(
            trial.number, result.configuration, metrics, page, logged.model_uri, reason
        )
        attach(trial, logged.files, note, self.artifacts)

    def finalist(
        self, rank: int, trial: int, result: TrialResult, values: Sequence[float]
    ) -> tuple[FinalistRecord, str]:
        """Write a finalist's model; returns its record and one line on its test metrics."""
        logged = self.tracker.log_finalist(rank, trial, result, values)
        record = _finalist(trial, result, result.validation.metrics(), values[0], logged)
        return record, line(record.test)

    def retrained(self, trial: int, result: TrialResult) -> tuple[FinalistRecord, str]:
        """Write a model of the champion's that was trained on validation samples, too, likewise."""
        record = _finalist(trial, result, {}, math.nan, self.tracker.log_retrained(trial, result))
        return record, line(record.test)

    def mark(self, finalists: Sequence[FinalistResult]) -> None:
        """Say on the runs of finalists whether their configuration keeps the constraints."""
        self.tracker.mark_finalists({f.trial: f.missed or "kept" for f in finalists})

    def crown(
        self,
        champion: FinalistResult,
        record: FinalistRecord,
        retrained: Sequence[FinalistRecord] = (),
    ) -> str:
        """Register the champion's model; returns its URI.

        Args:
            champion: how it did in the finals.
            record: of the model.
            retrained: all of its configuration that were retrained; the model is the first then.
        """
        description = (
            f"Trial {champion.trial}, seed {record.seed}. "
            f"{_error(champion.test['error'], champion.seeds, 'fresh seed')} (mean ± SD), "
            f"H_s {champion.test['sample_entropy'].mean:.3f}, "
            f"H_u {champion.test['usage_entropy'].mean:.3f} bits. Chosen by validation: "
            f"{champion.value:.4f} over fresh seeds, {champion.chosen:.4f} in the search."
        )
        if retrained:
            over = interval_of("error", [one.test["error"] for one in retrained], None)
            description += (
                " Retrained on training and validation data. "
                f"{_error(over, len(retrained), 'seed')}, of which this model is the first."
            )
        if not champion.feasible:
            description += f" Infeasible: no finalist keeps the constraints; {champion.missed}."
        return self.tracker.register_champion(record.run_id, record.model_id, description)


def _error(error: Interval, seeds: int, what: str) -> str:
    """A test error over seeds."""
    deviation = "" if math.isnan(error.deviation) else f" ± {error.deviation:.4f}"
    over = f"Over {seeds} {what}{'' if seeds == 1 else 's'}"
    return f"{over}: test error {error.mean:.4f}{deviation}"


def _finalist(
    trial: int,
    result: TrialResult,
    validation: Mapping[str, float],
    value: float,
    logged: Logged,
) -> FinalistRecord:
    assert result.test is not None
    return FinalistRecord(
        trial=trial,
        seed=result.seed,
        experts=result.experts,
        value=value,
        validation=validation,
        test=result.test.metrics(),
        run_id=logged.run_id,
        model_id=logged.model_id,
    )


def _row(trial: optuna.Trial) -> str:
    return str(trial.params.get(ROW, ""))


def line(metrics: Mapping[str, float]) -> str:
    """The numbers people look at first, entropies in bits."""
    return headline(metrics, "  ")
