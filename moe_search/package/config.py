"""Writes the model package, a folder with ``config.json`` and ``model.safetensors``, no pickle.

And reads what its ``config.json`` says; ``package`` opens the model. Nothing here needs torch.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

from pydantic import Field, StrictFloat, StrictInt, ValidationError
from pydantic_core import from_json
from safetensors.numpy import save_file

from moe_search.data.preprocessing import Preprocessing
from moe_search.engine.trial import TrialResult
from moe_search.errors import UserError
from moe_search.moe.architecture import RuleName
from moe_search.spec.backbones import Backbone, feature_map, width
from moe_search.spec.base import Section
from moe_search.spec.configuration import Configuration, Gate
from moe_search.words import dotted, one_line

if TYPE_CHECKING:
    pass

CONFIG, WEIGHTS = "config.json", "model.safetensors"
FILES = (CONFIG, WEIGHTS)
FORMAT = 1
_LARGEST_CONFIG = 10_000_000  # bytes


@dataclass(frozen=True)
class Card:
    """Facts of the data set that a model was trained on.

    Attributes:
        data: its name.
        classes: names by class number.
        mean, std: per channel (per feature for vectors), of values before normalisation.
        preprocessing: what raw samples go through before that; None of models of version 0.1.
    """

    data: str
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    preprocessing: Preprocessing | None = None

    def as_json(self) -> dict[str, Any]:
        """What JSON knows of it."""
        kept = {name: value for name, value in vars(self).items() if value is not None}
        if self.preprocessing is not None:
            kept["preprocessing"] = self.preprocessing.model_dump(mode="json")
        return kept


class _Rule(Section):
    kind: RuleName
    k: StrictInt = Field(ge=1, le=1024)


class _Architecture(Section):
    backbone: Backbone
    shape: tuple[Annotated[StrictInt, Field(ge=1, le=1_048_576)], ...]
    classes: StrictInt = Field(ge=1, le=1_048_576)
    gate: Gate | None
    rule: _Rule
    slots: StrictInt = Field(1, ge=1, le=1024)


class _Card(Section):
    data: str
    classes: tuple[str, ...]
    mean: tuple[StrictFloat, ...]
    std: tuple[Annotated[StrictFloat, Field(gt=0)], ...]
    preprocessing: Preprocessing | None = None


class Config(Section):
    """What config.json says of a model: all of it but its seal."""

    format: StrictInt
    architecture: _Architecture
    experts: StrictInt = Field(ge=1, le=1024)
    temperature: StrictFloat = Field(gt=0)
    card: _Card
    configuration: Configuration
    seed: StrictInt
    validation: dict[str, StrictFloat]


def save_package(folder: Path, result: TrialResult, card: Card) -> None:
    """Writes a trained model into a folder, which is created."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(result.state, folder / WEIGHTS)
    config = {
        "format": FORMAT,
        "architecture": {
            **asdict(result.architecture),
            "backbone": result.architecture.backbone.model_dump(mode="json"),
        },
        "experts": result.experts,
        "temperature": result.temperature,
        "card": card.as_json(),
        "configuration": result.configuration.model_dump(mode="json"),
        "seed": result.seed,
        "validation": result.validation.metrics(),
    }
    sealed = {**config, "seal": _seal(config, folder / WEIGHTS)}
    (folder / CONFIG).write_text(json.dumps(sealed, indent=2, allow_nan=False))


def read_config(folder: Path) -> Config:
    """Reads what a package says of its model; ``load_package`` checks more.

    Raises:
        UserError: config.json is missing, damaged or of an unknown format.
    """
    raw = _read(folder / CONFIG)
    raw.pop("seal", None)
    return _checked(raw, folder / CONFIG)


def is_sealed(folder: Path) -> bool:
    """Whether both files of a package are as they were saved."""
    raw = _read(folder / CONFIG)
    return bool(raw.pop("seal", None) == _seal(raw, folder / WEIGHTS))


def _seal(config: dict[str, Any], weights: Path) -> str:
    """A digest of what config.json says, however it is laid out, and of the weights' file."""
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    with weights.open("rb") as file:
        digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST_CONFIG:
            refuse(path, f"is larger than {_LARGEST_CONFIG // 10**6} MB")
        raw = from_json(path.read_bytes(), allow_inf_nan=False)
    except OSError as error:
        refuse(path, f"cannot be read: {error.strerror}")
    except ValueError as error:
        refuse(path, f"is not JSON: {error}")
    if not isinstance(raw, dict) or "format" not in raw:
        refuse(path, "is not a model's description; expected a mapping with the key format")
    if raw["format"] != FORMAT:
        refuse(path, f"format {raw['format']!r:.20} is unknown; this version reads {FORMAT}")
    return raw


def _checked(raw: dict[str, Any], path: Path) -> Config:
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        refuse(path, f"{dotted(first['loc'])}: {first['msg']}")
    architecture, card = config.architecture, config.card
    single = architecture.gate is None
    for right, mistake in (
        (len(architecture.shape) in (1, 3), "architecture.shape: expected 1 or 3 sizes"),
        (len(card.classes) == architecture.classes, "card.classes: expected a name of each class"),
        (
            len(card.mean) == len(card.std) == architecture.shape[0],
            "card: expected mean and std of each channel or feature",
        ),
        (
            _features(card.preprocessing) in (None, architecture.shape[0]),
            "card.preprocessing: its features are not those of the model",
        ),
        (architecture.rule.k <= config.experts, "architecture.rule.k: more than experts"),
        (
            not single or (config.experts == 1 and architecture.rule.kind == "mixture"),
            "architecture.gate: none, but there is something to gate",
        ),
    ):
        if not right:
            refuse(path, mistake)
    backbone, where = architecture.backbone, f"{path}: architecture.backbone"
    if architecture.gate == "soft":
        feature_map(backbone, architecture.shape, where)
        return config
    expert = width(backbone.expert, architecture.shape, f"{where}.expert")
    gate = None if single else width(backbone.gate, architecture.shape, f"{where}.gate")
    if architecture.gate == "attentive" and gate != expert:
        refuse(path, "architecture.backbone: an attentive gate's width is not its experts'")
    return config


def _features(preprocessing: Preprocessing | None) -> int | None:
    """How many features a table's rows become."""
    encoding = preprocessing.encoding if preprocessing else None
    return len(encoding.features) if encoding else None


def refuse(path: Path, why: str) -> NoReturn:
    """Raise a ``UserError`` about a file of a package."""
    raise UserError(one_line(f"{path}: {why}")) from None


IN_MODEL = "data/package"
"""Where a package lies in a model of MLflow's."""
