"""Opens a model package as a torch module, and for MLflow's ``pyfunc``.

Shape suffixes: B sample, C class; S whatever a sample has: channels, H, W or features.
"""

import tempfile
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file
from torch.overrides import TorchFunctionMode

from moe_search.moe.architecture import Architecture, OutputRule
from moe_search.moe.build import build
from moe_search.moe.classifier import Classifier
from moe_search.moe.mixtures import Mixtures
from moe_search.tracking.fetch import IN_MODEL, fetch_model
from moe_search.tracking.packing import CONFIG, WEIGHTS, Config, is_sealed, read_config, refuse

_PREDICTION_BATCH = 256

Shapes = dict[str, tuple[tuple[int, ...], str]]
"""Shape and type of each weight by name."""


def load_model(uri: str | Path, tracking_url: str | None = None) -> Classifier:
    """The model under a URI, in evaluation mode; nothing is unpickled, no stored code is run.

    Args:
        uri: models:/NAME@ALIAS, models:/NAME/VERSION, models:/m-ID, runs:/RUN_ID, or a folder:
            a package, or a model of MLflow's with one inside. A folder needs no MLflow.
        tracking_url: MLflow's store; by default where MLflow itself would look.

    Raises:
        UserError: there is no such model or store, or the package is damaged.
    """
    folder = Path(uri)
    if folder.is_dir():
        return load_package(folder if (folder / CONFIG).exists() else folder / IN_MODEL)
    with tempfile.TemporaryDirectory() as temporary:
        return load_package(fetch_model(str(uri), tracking_url, Path(temporary)))


def load_package(folder: Path) -> Classifier:
    """Builds the model of a package, in evaluation mode on the CPU.

    All is checked before any memory is taken for weights; nothing is unpickled.

    Raises:
        UserError: a file is missing, damaged, of an unknown format, or not the other's.
    """
    config, weights = read_config(folder), folder / WEIGHTS
    needed, found = _needed_shapes(config, folder / CONFIG), _found_shapes(weights)
    for name in sorted(needed.keys() | found.keys()):
        if needed.get(name) != found.get(name):
            refuse(
                weights,
                f"{name} is {_described(found.get(name))}, "
                f"but {CONFIG} needs {_described(needed.get(name))}",
            )
    if not is_sealed(folder):
        refuse(folder, f"{CONFIG} or {WEIGHTS} is not as it was saved; fetch the model again")
    mixtures = _mixtures(config)
    mixtures.load_states([load_file(weights)])
    card = config.card
    return Classifier(mixtures, card.mean, card.std, card.classes).eval()


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
        refuse(path, "describes a model too large for any memory")
    return {name: (tuple(one.shape), _type_name(one.dtype)) for name, one in state.items()}


def _found_shapes(path: Path) -> Shapes:
    try:
        with safe_open(path, framework="numpy") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            return {name: (tuple(s.get_shape()), s.get_dtype()) for name, s in slices.items()}
    except OSError as error:
        refuse(path, f"cannot be read: {error.strerror or error}")
    except SafetensorError as error:
        refuse(path, f"is damaged: {error}")


def _type_name(dtype: torch.dtype) -> str:
    return {torch.float32: "F32"}.get(dtype, str(dtype))


def _described(weight: tuple[tuple[int, ...], str] | None) -> str:
    return "none" if weight is None else f"{weight[1]} {[*weight[0]]}"


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
