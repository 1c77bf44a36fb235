"""Writes the model package, a folder with ``config.json`` and ``model.safetensors``, no pickle.

And reads what its ``config.json`` says; ``open`` makes the model of it. Nothing here needs torch.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn

from pydantic import Field, StrictFloat, StrictInt, ValidationError, field_validator
from pydantic_core import from_json
from safetensors.numpy import save_file

from moe_search.data.preprocessing import Preprocessing
from moe_search.engine.trial import TrialResult
from moe_search.errors import UserError
from moe_search.moe.architecture import Architecture
from moe_search.spec.base import Section
from moe_search.spec.configuration import Configuration, Regularizer, check_gate
from moe_search.spec.kinds.gates import GATES
from moe_search.words import dotted, one_line, show

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

    __pydantic_config__ = Section.model_config

    data: str
    classes: tuple[str, ...]
    mean: tuple[StrictFloat, ...]
    std: tuple[Annotated[StrictFloat, Field(gt=0)], ...]
    preprocessing: Preprocessing | None = None


class Config(Section):
    """What config.json says of a model: all of it but its seal.

    There is no validation where the model was trained on those samples, too.
    """

    format: StrictInt
    architecture: Architecture
    experts: StrictInt = Field(ge=1, le=1024)
    temperature: StrictFloat = Field(gt=0)
    card: Card
    configuration: Configuration
    seed: StrictInt
    validation: dict[str, StrictFloat]

    @field_validator("configuration", mode="before")
    @classmethod
    def _without_unknown_terms(cls, value: object) -> object:
        """Leaves out terms of packages that are not installed: a model answers without them."""
        if not isinstance(value, Mapping) or not isinstance(value.get("regularizer"), Mapping):
            return value
        known = {
            name: entry
            for name, entry in value["regularizer"].items()
            if name in Regularizer.model_fields or not isinstance(entry, int | float)
        }
        return {**value, "regularizer": known}


def save_package(folder: Path, result: TrialResult, card: Card) -> None:
    """Writes a trained model into a folder, which is created."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(result.state, folder / WEIGHTS)
    config = Config(
        format=FORMAT,
        architecture=result.architecture,
        experts=result.experts,
        temperature=result.temperature,
        card=card,
        configuration=result.configuration,
        seed=result.seed,
        validation={} if result.on_all else result.validation.metrics(),
    ).model_dump(mode="json")
    if not result.architecture.rule.biased:
        del config["architecture"]["rule"]["biased"]  # as models of before it
    if card.preprocessing is None:
        del config["card"]["preprocessing"]  # as models of before it
    else:
        for later in ("extractor", "channels_last"):
            if not getattr(card.preprocessing, later):
                del config["card"]["preprocessing"][later]  # as models of before it
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
        why = first["msg"]
        if first["loc"] == ("architecture", "gate") and isinstance(first["input"], str):
            why = f"{show(first['input'])} is unknown; no package installs it in {GATES.group}"
        refuse(path, f"{dotted(first['loc'])}: {why}")
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
        (
            card.preprocessing is None
            or card.preprocessing.extractor is None
            or len(architecture.shape) == 1,
            "card.preprocessing: a network makes features, which the model does not take",
        ),
        (architecture.rule.k <= config.experts, "architecture.rule.k: more than experts"),
        (
            not single or (config.experts == 1 and architecture.rule.kind == "mixture"),
            "architecture.gate: none, but there is something to gate",
        ),
    ):
        if not right:
            refuse(path, mistake)
    where = f"{path}: architecture.backbone"
    check_gate(architecture.backbone, architecture.gate, architecture.shape, where)
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
