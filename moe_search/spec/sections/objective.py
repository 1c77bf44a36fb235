"""The section ``objective``."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StrictFloat
from pydantic import model_validator as validator

from moe_search.spec.base import Section, spec_error
from moe_search.spec.kinds.metrics import METRICS, MetricName

VALUE = "value"
"""What a weighted sum is called in MLflow."""


class Bound(Section):
    """What a metric must keep to for a trial to count as feasible."""

    at_most: StrictFloat | None = None
    at_least: StrictFloat | None = None

    @validator(mode="after")
    def _is_sound(self) -> Self:
        if self.at_most is None and self.at_least is None:
            raise ValueError("expected at_most or at_least with a number")
        if self.at_most is not None and self.at_least is not None and self.at_least > self.at_most:
            raise ValueError(f"nothing is at least {self.at_least} and at most {self.at_most}")
        return self


Weights = Annotated[dict[MetricName, StrictFloat], Field(min_length=1)]


def _weights(value: object) -> object:
    """Reads the name of one metric as a sum of it alone."""
    if not isinstance(value, str):
        return value
    if value in METRICS and METRICS[value].better == "minimize":
        raise ValueError(f"{value} is good where it is small; expected {{{value}: -1}}")
    return {value: 1.0}


class Objective(Section):
    """What a good configuration is. Entropies count as fractions of log2 M."""

    maximize: Annotated[
        Weights | None,
        BeforeValidator(_weights, json_schema_input_type=Weights | MetricName | None),
    ] = Field(
        None,
        description="weights of the metrics in the sum to maximize; without maximize and pareto: "
        "{accuracy: 1.0, sample_entropy: -0.1, usage_entropy: 0.1}",
    )
    pareto: Annotated[tuple[MetricName, ...], Field(min_length=2)] | None = Field(
        None, description="metrics to trade off, each in its good direction; instead of maximize"
    )
    constraints: dict[MetricName, Bound] = Field({}, description="bounds to keep, by metric")

    @validator(mode="before")
    @classmethod
    def _has_a_goal(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and not {"maximize", "pareto"} & data.keys():
            weights = {"accuracy": 1.0, "sample_entropy": -0.1, "usage_entropy": 0.1}
            return {**data, "maximize": weights}
        return data

    @validator(mode="after")
    def _has_one_goal(self) -> Self:
        if (self.maximize is None) == (self.pareto is None):
            raise spec_error("give exactly one of maximize and pareto", "pareto")
        if self.pareto and len(set(self.pareto)) < len(self.pareto):
            raise spec_error("names a metric twice; write each once", "pareto")
        return self

    @property
    def directions(self) -> list[Literal["minimize", "maximize"]]:
        """Optuna's: one for a weighted sum, one a metric for a front."""
        if self.pareto is None:
            return ["maximize"]
        return [METRICS[name].better for name in self.pareto]

    @property
    def names(self) -> list[str]:
        """What the values are called in Optuna's dashboard and in tables."""
        return ["objective"] if self.pareto is None else list(self.pareto)

    @property
    def mlflow_names(self) -> list[str]:
        """What they are called in MLflow: ``value``, or ``value/NAME`` for each of several."""
        return [VALUE] if self.pareto is None else [f"value/{name}" for name in self.pareto]
