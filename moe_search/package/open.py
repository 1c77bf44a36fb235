"""Opens a model package as a torch module, and for MLflow's ``pyfunc``.

Shape suffixes: B sample, C class; S whatever a sample has: channels, H, W or features.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file
from torch.overrides import TorchFunctionMode

from moe_search.moe.build import build
from moe_search.moe.mixtures import Mixtures
from moe_search.package.classifier import Classifier
from moe_search.package.config import CONFIG, WEIGHTS, Config, is_sealed, read_config, refuse

Shapes = dict[str, tuple[tuple[int, ...], str]]
"""Shape and type of each weight by name."""


def load_package(folder: Path) -> Classifier:
    """Builds the model of a package, in evaluation mode on the CPU, its weights without gradient.

    All is checked before any memory is taken for weights; nothing is unpickled.

    Raises:
        UserError: a file is missing, damaged, of an unknown format, or not the other's.
    """
    config, weights = read_config(folder), folder / WEIGHTS
    needed, stored = _needed_shapes(config, folder / CONFIG), _stored_shapes(weights)
    for name in sorted(needed.keys() | stored.keys()):
        if needed.get(name) != stored.get(name):
            refuse(
                weights,
                f"{name} is {_described(stored.get(name))}, "
                f"but {CONFIG} needs {_described(needed.get(name))}",
            )
    if not is_sealed(folder):
        refuse(folder, f"{CONFIG} or {WEIGHTS} is not as it was saved; fetch the model again")
    mixtures = _mixtures(config)
    mixtures.load_states([load_file(weights)])
    card = config.card
    classifier = Classifier(mixtures, card.mean, card.std, card.classes, card.preprocessing)
    return classifier.eval().requires_grad_(False)  # whoever trains it on says so


def _mixtures(config: Config) -> Mixtures:
    return build(config.architecture, [config.experts], [config.temperature])


class _WithoutMemory(TorchFunctionMode):
    """Weights made in this context, by zeros or ones, have shapes and types only.

    Within ``torch.device("meta")`` all tensors would be so, and the expert axis could not be read.
    """

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
    return {name: (tuple(weight.shape), _type_name(weight.dtype)) for name, weight in state.items()}


def _stored_shapes(path: Path) -> Shapes:
    try:
        with safe_open(path, framework="numpy") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            return {name: (tuple(s.get_shape()), s.get_dtype()) for name, s in slices.items()}
    except OSError as error:
        refuse(path, f"cannot be read: {error.strerror or error}")
    except SafetensorError as error:
        refuse(path, f"is damaged: {error}")


def _type_name(dtype: torch.dtype) -> str:
    return {torch.float32: "F32", torch.int64: "I64"}.get(dtype, str(dtype))


def _described(weight: tuple[tuple[int, ...], str] | None) -> str:
    return "none" if weight is None else f"{weight[1]} {[*weight[0]]}"
