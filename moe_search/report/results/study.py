"""A study as it stands: what every way to show it starts from."""

from dataclasses import dataclass
from functools import cached_property

import optuna
from mlflow import MlflowClient

from moe_search.report.results.classes import ClassView, view_classes
from moe_search.report.results.importances import Importances, importances
from moe_search.report.results.rows import RowResult, compare
from moe_search.report.results.summary import Summary, summarize
from moe_search.report.results.trials import TrialPoint, trial_points
from moe_search.search.ledger import ChampionRecord, StudyRecord
from moe_search.spec import Study
from moe_search.stores.mlflow import open_store

_BEST = 12


@dataclass(frozen=True)
class Report:
    """A study as Optuna's store has it; what MLflow's adds is read when it is first asked for.

    Attributes:
        importances: None where there are none, as of a comparison.
        points: its trials.
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


def read_report(study: Study, optuna_study: optuna.Study) -> Report:
    """Read a study off its store."""
    listed = bool(study.configurations)
    record = StudyRecord.of(optuna_study)
    return Report(
        study=study,
        summary=summarize(study, optuna_study, _BEST),
        importances=None if listed else importances(study, optuna_study),
        points=tuple(trial_points(optuna_study)),
        rows=tuple(compare(study, optuna_study)) if listed else (),
        champion=record.champion,
        samples=dict(record.samples),
        class_names=record.classes,
        made=dict(record.made_with),
        seconds=record.seconds,
    )
