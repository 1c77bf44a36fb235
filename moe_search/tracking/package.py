"""The model package: a folder with ``config.json`` and ``model.safetensors``, no pickle.

Shape suffixes: B sample, C class; S whatever a sample has: channels, H, W or features.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import Annotated, Any, NoReturn

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field, ValidationError
from pydantic_core import from_json
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file
from torch.overrides import TorchFunctionMode

from moe_search.engine.trial import TrialResult
from moe_search.errors import UserError
from moe_search.moe.architecture import Architecture, OutputRule, RuleName
from moe_search.moe.build import build
from moe_search.moe.classifier import Classifier
from moe_search.moe.mixtures import Mixtures
from moe_search.spec.backbones import Backbone, feature_map, width
from moe_search.spec.configuration import Configuration, Gate
from moe_search.spec.part import Number, Part, Whole
from moe_search.spec.words import dotted, one_line

CONFIG, WEIGHTS = "config.json", "model.safetensors"
FILES = (CONFIG, WEIGHTS)
FORMAT = 1
_LARGEST_CONFIG = 10_000_000  # bytes
_PREDICTION_BATCH = 256

Shapes = dict[str, tuple[tuple[int, ...], str]]
"""Shape and type of each weight by name."""


@dataclass(frozen=True)
class Card:
    """Facts of the data set that a model was trained on.

    Attributes:
        data: its name.
        classes: names by class number.
        mean, std: per channel (per feature for vectors), of values before normalisation.
    """

    data: str
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


class _Rule(Part):
    kind: RuleName
    k: Whole = Field(ge=1, le=1024)


class _Architecture(Part):
    backbone: Backbone
    shape: tuple[Annotated[Whole, Field(ge=1, le=1_048_576)], ...]
    classes: Whole = Field(ge=1, le=1_048_576)
    gate: Gate | None
    rule: _Rule
    slots: Whole = Field(1, ge=1, le=1024)


class _Card(Part):
    data: str
    classes: tuple[str, ...]
    mean: tuple[Number, ...]
    std: tuple[Annotated[Number, Field(gt=0)], ...]


class Config(Part):
    """What config.json says of a model: all of it but its seal."""

    format: Whole
    architecture: _Architecture
    experts: Whole = Field(ge=1, le=1024)
    temperature: Number = Field(gt=0)
    card: _Card
    configuration: Configuration
    seed: Whole
    validation: dict[str, Number]


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
        "card": asdict(card),
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


def load_package(folder: Path) -> Classifier:
    """Builds the model of a package, in evaluation mode on the CPU.

    All is checked before any memory is taken for weights; nothing is unpickled.

    Raises:
        UserError: a file is missing, damaged, of an unknown format, or not the other's.
    """
    weights, raw = folder / WEIGHTS, _read(folder / CONFIG)
    seal = raw.pop("seal", None)
    config = _checked(raw, folder / CONFIG)
    needed, found = _needed_shapes(config, folder / CONFIG), _found_shapes(weights)
    for name in sorted(needed.keys() | found.keys()):
        if needed.get(name) != found.get(name):
            _refuse(
                weights,
                f"{name} is {_described(found.get(name))}, "
                f"but {CONFIG} needs {_described(needed.get(name))}",
            )
    if seal != _seal(raw, weights):
        _refuse(folder, f"{CONFIG} or {WEIGHTS} is not as it was saved; fetch the model again")
    mixtures = _mixtures(config)
    mixtures.load_states([load_file(weights)])
    card = config.card
    return Classifier(mixtures, card.mean, card.std, card.classes).eval()


def _seal(config: dict[str, Any], weights: Path) -> str:
    """A digest of what config.json says, however it is laid out, and of the weights' file."""
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    with weights.open("rb") as file:
        digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST_CONFIG:
            _refuse(path, f"is larger than {_LARGEST_CONFIG // 10**6} MB")
        raw = from_json(path.read_bytes(), allow_inf_nan=False)
    except OSError as error:
        _refuse(path, f"cannot be read: {error.strerror}")
    except ValueError as error:
        _refuse(path, f"is not JSON: {error}")
    if not isinstance(raw, dict) or "format" not in raw:
        _refuse(path, "is not a model's description; expected a mapping with the key format")
    if raw["format"] != FORMAT:
        _refuse(path, f"format {raw['format']!r:.20} is unknown; this version reads {FORMAT}")
    return raw


def _checked(raw: dict[str, Any], path: Path) -> Config:
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        _refuse(path, f"{dotted(first['loc'])}: {first['msg']}")
    architecture, card = config.architecture, config.card
    single = architecture.gate is None
    for right, mistake in (
        (len(architecture.shape) in (1, 3), "architecture.shape: expected 1 or 3 sizes"),
        (len(card.classes) == architecture.classes, "card.classes: expected a name of each class"),
        (
            len(card.mean) == len(card.std) == architecture.shape[0],
            "card: expected mean and std of each channel or feature",
        ),
        (architecture.rule.k <= config.experts, "architecture.rule.k: more than experts"),
        (
            not single or (config.experts == 1 and architecture.rule.kind == "mixture"),
            "architecture.gate: none, but there is something to gate",
        ),
    ):
        if not right:
            _refuse(path, mistake)
    backbone, where = architecture.backbone, f"{path}: architecture.backbone"
    if architecture.gate == "soft":
        feature_map(backbone, architecture.shape, where)
        return config
    expert = width(backbone.expert, architecture.shape, f"{where}.expert")
    gate = None if single else width(backbone.gate, architecture.shape, f"{where}.gate")
    if architecture.gate == "attentive" and gate != expert:
        _refuse(path, "architecture.backbone: an attentive gate's width is not its experts'")
    return config


def _mixtures(config: Config) -> Mixtures:
    given = config.architecture
    rule = OutputRule(given.rule.kind, given.rule.k)
    architecture = Architecture(
        given.backbone, given.shape, given.classes, given.gate, rule, given.slots
    )
    return build(architecture, [config.experts], [config.temperature])


class _WithoutMemory(TorchFunctionMode):
    """Weights made in this context have shapes and types only."""

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        meta = {"device": "meta"} if func in (torch.zeros, torch.ones) else {}
        return func(*args, **{**(kwargs or {}), **meta})


def _needed_shapes(config: Config, path: Path) -> Shapes:
    try:
        with _WithoutMemory():
            state = _mixtures(config).state_dict()
    except RuntimeError:
        _refuse(path, "describes a model too large for any memory")
    return {name: (tuple(one.shape), _type_name(one.dtype)) for name, one in state.items()}


def _found_shapes(path: Path) -> Shapes:
    try:
        with safe_open(path, framework="numpy") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            return {name: (tuple(s.get_shape()), s.get_dtype()) for name, s in slices.items()}
    except OSError as error:
        _refuse(path, f"cannot be read: {error.strerror or error}")
    except SafetensorError as error:
        _refuse(path, f"is damaged: {error}")


def _type_name(dtype: torch.dtype) -> str:
    return {torch.float32: "F32"}.get(dtype, str(dtype))


def _described(weight: tuple[tuple[int, ...], str] | None) -> str:
    return "none" if weight is None else f"{weight[1]} {[*weight[0]]}"


def _refuse(path: Path, why: str) -> NoReturn:
    raise UserError(one_line(f"{path}: {why}")) from None


class _Predictor:
    """What ``mlflow.pyfunc.load_model`` wraps."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._shape = classifier.mixtures.architecture.shape
        self._classes = classifier.mixtures.architecture.classes

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> npt.NDArray[Any]:
        """Class probabilities, float32 [B, C].

        Args:
            model_input: array (or table of one column a value) [B, S] or [B, values of S], as
                stored in the data set: pixels 0..1, or bytes 0..255, or features.
            params: MLflow passes it; there are none.

        Raises:
            ValueError: samples of another shape.
        """
        x_BS = np.asarray(model_input)
        if x_BS.shape[1:] == (prod(self._shape),):
            x_BS = x_BS.reshape(-1, *self._shape)
        scale = np.float32(255 if x_BS.dtype == np.uint8 else 1)
        output_BC = np.empty((len(x_BS), self._classes), np.float32)
        with torch.no_grad():
            for start in range(0, len(x_BS), _PREDICTION_BATCH):
                batch = slice(start, start + _PREDICTION_BATCH)
                x = torch.from_numpy(x_BS[batch].astype(np.float32) / scale)
                output_BC[batch] = self._classifier(x).numpy()
        return output_BC


def _load_pyfunc(data_path: str) -> _Predictor:
    """MLflow's way in."""
    return _Predictor(load_package(Path(data_path)))
