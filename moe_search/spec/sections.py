"""The sections of study.yaml that are not hyperparameters: data, objective, search and so on."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    StrictFloat,
    StrictInt,
    WithJsonSchema,
)
from pydantic import model_validator as validator

from moe_search.spec.base import OneOf, Section, Value, spec_error
from moe_search.spec.comparison import References
from moe_search.spec.kinds.data_sets import DATA_SETS, OPTIONS
from moe_search.spec.kinds.executors import GivenExecutor, Ray
from moe_search.spec.kinds.metrics import MetricName
from moe_search.spec.kinds.stores import MlflowUrl, OptunaUrl
from moe_search.words import show

DataName = Annotated[str, OneOf(tuple(DATA_SETS), others=DATA_SETS.__contains__)]
_SWITCH: dict[object, bool] = {"on": True, "yes": True, "off": False, "no": False}

_Seed = Annotated[StrictInt, Field(ge=0, le=2**32 - 1)]


def _given_path(path: Path) -> Path:
    if re.match(r"~[^/]|.*[\x00-\x1f]", str(path), re.DOTALL):
        raise ValueError(f"{show(str(path))} is not a path; only ~/ stands for a home folder")
    return path


GivenPath = Annotated[Path, AfterValidator(_given_path)]
"""A file or folder; a relative one lies beside study.yaml, and ~/ is the user's own home."""


def _auto_count_or_fraction(value: object) -> int | float | Literal["auto"]:
    if value == "auto":
        return "auto"
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
        return value
    if isinstance(value, float) and 0 < value < 1:
        return value
    raise ValueError(
        f"expected auto, a count of samples or a fraction between 0 and 1; got {show(value)}"
    )


def _auto_or_switch(value: object) -> bool | Literal["auto"]:
    if isinstance(value, bool):
        return value
    if value == "auto":
        return "auto"
    if isinstance(value, str) and value in _SWITCH:
        return _SWITCH[value]
    raise ValueError(f"expected auto, on or off; got {show(value)}")


def _auto_or_count(value: object) -> int | Literal["auto"]:
    if value == "auto":
        return "auto"
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 4096:
        return value
    raise ValueError(f"expected auto or a whole number from 1 to 4096; got {show(value)}")


def _plain_value(value: object) -> Value:
    if isinstance(value, int | float | str):
        return value
    raise ValueError(f"expected a number, a name, true or false; got {show(value)}")


def _seconds(value: object) -> float:
    """Reads seconds, or text such as 90m and 8h."""
    units = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
    match = re.fullmatch(_DURATION, value) if isinstance(value, str) else None
    if match:
        seconds = float(match[1]) * units[match[2]]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(min(value, 1e12))
    else:
        seconds = 0.0
    if not 0 < seconds < 1e12:
        raise ValueError(f"expected seconds above 0 or text like 90m or 8h; got {show(value)}")
    return seconds


_DURATION = r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?([smhd])"

_AutoOrCount = Annotated[
    int | Literal["auto"],
    PlainValidator(_auto_or_count),
    WithJsonSchema({"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1}]}),
]


_PointValue = Annotated[
    Value,
    PlainValidator(_plain_value),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}, {"type": "boolean"}]}),
]


class Data(Section):
    """What is learned, and how it is split."""

    name: DataName = Field(
        description="a known data set, or one's own: arrays, table or image_folder"
    )
    root: GivenPath | None = Field(
        None, description="folder in which known data sets are looked for"
    )
    path: GivenPath | None = Field(
        None, description="the .npz file of arrays; the file of table; the folder of image_folder"
    )
    validation: Annotated[
        int | float | Literal["auto"],
        PlainValidator(_auto_count_or_fraction),
        WithJsonSchema(
            {
                "anyOf": [
                    {"const": "auto"},
                    {"type": "integer", "minimum": 0},
                    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                ]
            }
        ),
    ] = Field(
        "auto",
        description="part of the training data held out: a count of samples or a fraction; "
        "auto: the data's own validation split, or a fifth where it has none; "
        "0, for a comparison, trains on all and takes validation metrics on training samples, up "
        "to 10,000 of them",
    )
    seed: _Seed = Field(0, description="seed of the split")
    limit: Annotated[StrictInt, Field(ge=1)] | None = Field(
        None, description="train on this many samples only, the same share of each class"
    )
    image_size: StrictInt = Field(
        32, ge=1, le=4096, description="height and width of the images of image_folder"
    )
    channels: Literal[1, 3] = Field(
        3, description="1 makes the images of image_folder grey, 3 red, green and blue"
    )
    augment: Annotated[
        bool | Literal["auto"],
        PlainValidator(_auto_or_switch),
        WithJsonSchema({"enum": ["auto", True, False, "on", "off", "yes", "no"]}),
    ] = Field("auto", description="random flips and crops; auto: for CIFAR only")
    label: str | None = Field(None, description="the column that is predicted")
    features: tuple[str, ...] = Field(
        (), description="columns to learn from; without them, all but those of drop"
    )
    drop: tuple[str, ...] = Field((), description="columns that are left out")
    split: str | None = Field(
        None, description="the column that says train, validation or test of each row"
    )
    layout: Literal["auto", "channels_first", "channels_last"] = Field(
        "auto", description="order of the axes of arrays of images, where it is not plain"
    )
    unreadable: Literal["stop", "skip"] = Field(
        "stop", description="what to do about images that cannot be read"
    )

    @validator(mode="after")
    def _has_its_keys(self) -> Self:
        for key in OPTIONS:
            given = getattr(self, key) != type(self).model_fields[key].default
            if given and key not in DATA_SETS[self.name].keys:
                takers = ", ".join(name for name, kind in DATA_SETS.items() if key in kind.keys)
                raise spec_error(f"has no meaning for {self.name}, only for {takers}", key)
        return self

    @validator(mode="after")
    def _has_its_path(self) -> Self:
        needed = DATA_SETS[self.name].path
        if needed and self.path is None:
            raise spec_error(f"is missing; {self.name} needs {needed}", "path")
        if not needed and self.path is not None:
            *most, last = DATA_SETS.names(lambda kind: kind.path is not None)
            raise spec_error(
                f"only {', '.join(most)} and {last} have a path; "
                f"the folder of {self.name} is data.root",
                "path",
            )
        return self


def name_alone(value: object) -> object:
    """Reads ``data: mnist`` as ``data: {name: mnist}``."""
    return {"name": value} if isinstance(value, str) else value


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


class Objective(Section):
    """What a good configuration is. Entropies count as fractions of log2 M."""

    maximize: Annotated[dict[MetricName, StrictFloat], Field(min_length=1)] | None = Field(
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


class Collapse(Section):
    """Stops a trial whose samples all go to few experts."""

    usage_entropy: StrictFloat = Field(
        0.1, gt=0, le=1, description="bound on H_u, as a fraction of log2 M"
    )
    patience: StrictInt = Field(3, ge=1, description="epochs in a row below the bound")


def _switched(value: object) -> object:
    on = _SWITCH.get(value, value) if isinstance(value, str) else value
    if on is None or isinstance(on, bool):
        return Collapse() if on else None
    if not isinstance(on, Mapping | Collapse):
        raise ValueError(f"expected on, off or {{usage_entropy, patience}}; got {show(value)}")
    return on


class Search(Section):
    """How configurations are proposed, stopped and run."""

    trials: StrictInt = Field(50, ge=1, le=1_000_000, description="trials the study should have")
    sampler: Literal["tpe", "gp", "cma-es", "random", "grid", "qmc"] = Field(
        "tpe", description="how configurations are proposed"
    )
    pruner: Literal["hyperband", "successive_halving", "median", "none"] | None = Field(
        None, description="how poor trials are stopped early; hyperband, or none with pareto"
    )
    collapse: Annotated[
        Collapse | None,
        BeforeValidator(
            _switched, json_schema_input_type=Collapse | bool | Literal["on", "off"] | None
        ),
    ] = Field(Collapse(), description="stops trials whose experts collapse; off to let them run")
    seed: _Seed = Field(0, description="seed of the sampler and of every trial's training")
    seeds: StrictInt = Field(
        1, ge=1, le=1000, description="seeds each configuration is trained with"
    )
    points: tuple[dict[str, _PointValue], ...] = Field(
        (), description="configurations to try first, such as {model.experts: 5}"
    )
    patience: Annotated[StrictInt, Field(ge=1)] | None = Field(
        None, description="stop after this many trials without a better one"
    )
    timeout: (
        Annotated[
            float,
            PlainValidator(_seconds),
            WithJsonSchema(
                {
                    "anyOf": [
                        {"type": "number", "exclusiveMinimum": 0},
                        {"type": "string", "pattern": f"^{_DURATION}$"},
                    ]
                }
            ),
        ]
        | None
    ) = Field(None, description="stop after this time: seconds, or text such as 90m or 8h")
    workers: _AutoOrCount = Field("auto", description="processes that train")
    executor: GivenExecutor = Field(
        None, description="where workers are: local, or {ray: {}} for a Ray cluster"
    )
    population: _AutoOrCount = Field("auto", description="models a worker trains together")
    retries: StrictInt = Field(
        1, ge=0, le=100, description="times a trial runs again whose worker or coordinator died"
    )
    max_failures: StrictInt = Field(
        10, ge=0, description="failed trials after which the study stops"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where models are trained")

    @property
    def ray(self) -> Ray | None:
        """The cluster that trains, unless this machine does."""
        return self.executor.ray if self.executor else None


class Finalists(Section):
    """The best configurations, trained again from fresh seeds and judged on the test set."""

    top: StrictInt = Field(
        3, ge=0, le=1000, description="configurations to train again; 0 for none"
    )
    seeds: StrictInt = Field(5, ge=1, le=1000, description="fresh seeds for each")
    references: References = Field(
        {}, description="numbers to stand beside them, by name and metric: [mean, SD], or one run's"
    )


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
