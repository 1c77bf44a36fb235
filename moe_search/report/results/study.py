"""A study as it stands: what every way to show it starts from."""

from dataclasses import dataclass
from functools import cached_property

import optuna
from mlflow import MlflowClient
from optuna.trial import FrozenTrial, TrialState

from moe_search.report.results.classes import ClassView, view_classes
from moe_search.report.results.decisions import Decisions, decisions
from moe_search.report.results.importances import Importances, importances
from moe_search.report.results.rows import RowResult, compare
from moe_search.report.results.summary import Summary, summarize
from moe_search.report.results.trials import TrialPoint, trial_points
from moe_search.search.ledger import ChampionRecord, StudyRecord
from moe_search.search.ranking import FinalistResult
from moe_search.search.surrogate.beliefs import Beliefs, beliefs
from moe_search.spec import Study
from moe_search.stores.mlflow import open_store

_BEST = 12


@dataclass(frozen=True)
class Report:
    """A study as Optuna's store has it; what MLflow's adds is read when it is first asked for.

    Attributes:
        importances: None where there are none, as of a comparison.
        points: its trials.
        trials: the complete ones, as Optuna has them.
        believed: what they are worth, once the search has ended; see ``StudyRecord``.
        rows: those of a comparison; none of a search.
        champion: the model that is registered, if there is one.
        samples: of the data by split, where they are known.
        class_names: of the data's classes by number, where they are known.
        made: with which versions and on which machine, by name.
        seconds: wall time of all its runs.
    """

    study: Study
    summary: Summary
    importances: Importances | None
    points: tuple[TrialPoint, ...]
    trials: tuple[FrozenTrial, ...]
    believed: Beliefs | None
    rows: tuple[RowResult, ...]
    champion: ChampionRecord | None
    samples: dict[str, int]
    class_names: tuple[str, ...]
    made: dict[str, str]
    seconds: float

    @cached_property
    def client(self) -> MlflowClient:
        """Of the study's MLflow store.

        Raises:
            UserError: it cannot be opened.
        """
        return open_store(self.study.mlflow_url, create=False)

    @cached_property
    def classes(self) -> list[ClassView]:
        """The champion class by class on the test split; nothing where there is no champion.

        Raises:
            UserError: the store cannot be opened, or lacks the tables of the champion's run.
        """
        if self.champion is None:
            return []
        return view_classes(self.client, self.champion.run_id)

    @property
    def fresh(self) -> FinalistResult | None:
        """The champion over fresh seeds; None before there is one, and of a front's: no trial's
        first objective says how good that is."""
        return None if self.study.objective.pareto else self.summary.champion_result

    @cached_property
    def decisions(self) -> Decisions:
        """How it decided; nothing of a study whose finals version 0.1 began, by other rules."""
        if self.believed is None and self.summary.finalists:
            return decisions(self.study, self.trials, {})
        believed = self.believed or {}
        if believed.keys() != {trial.number for trial in self.trials}:
            believed = beliefs(self.study, self.trials)
        return decisions(self.study, self.trials, believed)


def read_report(study: Study, optuna_study: optuna.Study) -> Report:
    """Read a study off its store."""
    listed = bool(study.configurations)
    record = StudyRecord.of(optuna_study)
    return Report(
        study=study,
        summary=summarize(study, optuna_study, _BEST),
        importances=None if listed else importances(study, optuna_study),
        points=tuple(trial_points(optuna_study)),
        trials=tuple(optuna_study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))),
        believed=record.believed,
        rows=tuple(compare(study, optuna_study)) if listed else (),
        champion=record.champion,
        samples=dict(record.samples),
        class_names=record.classes,
        made=dict(record.made_with),
        seconds=record.seconds,
    )
