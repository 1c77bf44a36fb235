"""The section ``search``."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    StrictFloat,
    StrictInt,
    model_serializer,
)

from moe_search.credentials import without_credentials
from moe_search.spec.base import OneOf, Section
from moe_search.spec.kinds.executors import GivenExecutor
from moe_search.spec.kinds.metrics import MetricName
from moe_search.spec.kinds.pruners import PRUNERS
from moe_search.spec.kinds.samplers import SAMPLERS
from moe_search.spec.kinds.stores import check_optuna_url
from moe_search.spec.sections.values import SWITCH, AutoOrCount, PointValue, Seconds, Seed
from moe_search.words import show


class Collapse(Section):
    """Stops a trial whose samples all go to few experts."""

    usage_entropy: StrictFloat = Field(
        0.1, gt=0, le=1, description="bound on H_u, as a fraction of log2 M"
    )
    patience: StrictInt = Field(3, ge=1, description="epochs in a row below the bound")


def _switched(value: object) -> object:
    on = SWITCH.get(value, value) if isinstance(value, str) else value
    if on is None or isinstance(on, bool):
        return Collapse() if on else None
    if not isinstance(on, Mapping | Collapse):
        raise ValueError(f"expected on, off or {{usage_entropy, patience}}; got {show(value)}")
    return on


RACE = 5
"""Seeds at most, where a race is on."""


def _seeds_at_most(value: object) -> object:
    on = SWITCH.get(value, value) if isinstance(value, str) else value
    return (RACE if on else 1) if isinstance(on, bool) else on


def _earlier(given: str) -> str:
    url, _, name = given.rpartition("#")
    if "://" not in given:
        return given
    if not url or not name:
        raise ValueError(
            f"expected a study.yaml, or URL#NAME; got {show(without_credentials(given))}"
        )
    check_optuna_url(url)
    return given


class Search(Section):
    """How configurations are proposed, stopped and run."""

    trials: StrictInt = Field(50, ge=1, le=1_000_000, description="trials the study should have")
    sampler: Annotated[str, OneOf(tuple(SAMPLERS))] = Field(
        "auto", description="how configurations are proposed"
    )
    pruner: Annotated[str, OneOf(tuple(PRUNERS))] | None = Field(
        None, description="how poor trials are stopped early; none by default"
    )
    collapse: Annotated[
        Collapse | None,
        BeforeValidator(
            _switched, json_schema_input_type=Collapse | bool | Literal["on", "off"] | None
        ),
    ] = Field(Collapse(), description="stops trials whose experts collapse; off to let them run")
    seed: Seed = Field(0, description="seed of the sampler and of every trial's training")
    seeds: StrictInt = Field(
        1, ge=1, le=1000, description="seeds each configuration is trained with"
    )
    race: Annotated[
        StrictInt,
        Field(ge=1, le=1000),
        BeforeValidator(
            _seeds_at_most, json_schema_input_type=StrictInt | bool | Literal["on", "off"]
        ),
    ] = Field(
        RACE,
        description="seeds at most of a configuration that may still be the best, each in a trial "
        "of its own: the last tenth of the trials; off for none. Only where each has one seed, one "
        "objective and no grid",
    )
    points: tuple[dict[str, PointValue], ...] = Field(
        (), description="configurations to try first, such as {model.experts: 5}"
    )
    earlier: tuple[Annotated[str, AfterValidator(_earlier)], ...] = Field(
        (),
        alias="from",
        description="earlier studies whose best configurations are tried first, and whose results "
        "the sampler knows: study.yaml files, or URL#NAME of a study in a store of Optuna's",
    )
    patience: Annotated[StrictInt, Field(ge=1)] | None = Field(
        None, description="stop after this many trials without a better configuration"
    )
    target: dict[MetricName, StrictFloat] = Field(
        {},
        description="metrics on validation, such as {accuracy: 0.97}; the search ends with the "
        "first trial that has at least these, or at most where less is better",
    )
    timeout: Seconds | None = Field(
        None, description="stop after this time: seconds, or text such as 90m or 8h"
    )
    workers: AutoOrCount = Field("auto", description="processes that train")
    executor: GivenExecutor = Field(
        None, description="where workers are: local, or {ray: {}} for a Ray cluster"
    )
    population: AutoOrCount = Field("auto", description="models a worker trains together")
    retries: StrictInt = Field(
        1, ge=0, le=100, description="times a trial runs again whose worker or coordinator died"
    )
    max_failures: StrictInt = Field(
        10, ge=0, description="failed trials after which the study stops"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where models are trained")

    @model_serializer(mode="wrap")
    def _as_written(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """By the keys of study.yaml: ``from`` is no name in Python."""
        found: dict[str, Any] = plain(self)
        return {"from" if key == "earlier" else key: value for key, value in found.items()}
