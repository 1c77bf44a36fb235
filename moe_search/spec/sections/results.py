"""The sections ``finalists`` and ``storage``."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    StrictInt,
)
from pydantic import model_validator as validator

from moe_search.spec.base import Section, spec_error
from moe_search.spec.comparison import References
from moe_search.spec.kinds.metrics import MetricName
from moe_search.spec.kinds.stores import MlflowUrl, OptunaUrl
from moe_search.spec.sections.values import GivenPath, Switch


class Finalists(Section):
    """The best configurations, trained again from fresh seeds and judged on the test set."""

    top: StrictInt = Field(
        3, ge=0, le=1000, description="configurations to train again; 0 for none"
    )
    seeds: StrictInt = Field(
        5,
        ge=1,
        le=1000,
        description="fresh seeds for each; while they race some get fewer, and others more",
    )
    choose: MetricName | None = Field(
        None,
        description="of objective.pareto, the metric that ranks finalists and names the champion, "
        "by its mean on validation; without it, the first",
    )
    references: References = Field(
        {}, description="numbers to stand beside them, by name and metric: [mean, SD], or one run's"
    )
    race: Switch = Field(
        True,
        description="whether those that can no longer win get no more seeds; off for all to have "
        "the same",
    )
    budget: Annotated[StrictInt, Field(ge=1)] | None = Field(
        None, description="models to train at most while they race; by default top x seeds"
    )

    retrain: Literal["all"] | None = Field(
        None,
        description="all: trains the champion's configuration from the same seeds again, on "
        "training and validation data together; the first of these models is registered",
    )

    @property
    def trainings(self) -> int:
        """Models to train at most."""
        return self.budget or self.top * self.seeds

    @validator(mode="after")
    def _one_each(self) -> Self:
        if self.budget is not None and not self.race:
            raise spec_error("is for finalists that race; leave it out, or race: off", "budget")
        if self.trainings < self.top:
            raise spec_error(
                f"{self.budget} is less than a model for each of {self.top} finalists", "budget"
            )
        if self.retrain and not self.top:
            raise spec_error("needs a champion; give top: 1 or more", "retrain")
        return self


class Storage(Section):
    """Where results are kept; relative files and folders lie beside study.yaml."""

    optuna: OptunaUrl = Field(
        "sqlite:///optuna.db",
        description="Optuna's store; OPTUNA_STORAGE comes before the default",
    )
    mlflow: MlflowUrl = Field(
        "sqlite:///mlflow.db",
        description="MLflow's store or server; MLFLOW_TRACKING_URI comes before the default",
    )
    artifacts: GivenPath = Field(
        Path("artifacts"), description="folder of figures, tables and models"
    )

    @validator(mode="after")
    def _a_database_each(self) -> Self:
        if self.optuna == self.mlflow:
            raise spec_error(
                "is Optuna's database, too; name another, such as NAME-mlflow", "mlflow"
            )
        return self
