"""Networks of torchvision's whose representation of an image stands for the image.

Everything here needs torch, so only those import it who train or predict, and a process that makes
features (see ``extractor``).

Shape suffixes: B sample; C channel, H height, W width; F feature.
"""

import contextlib
import hashlib
import io
import os
import warnings
from collections.abc import Iterator
from functools import lru_cache
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torchvision
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision import models
from torchvision.transforms import functional

from moe_search.data.extractor import Extractor
from moe_search.data.normalise import as_numbers
from moe_search.errors import UserError
from moe_search.progress import Note, Progress, Working, silent
from moe_search.spec.sections.data import NetworkFeatures
from moe_search.words import did_you_mean, one_line

_WEIGHTS_ONLY = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
"""Torch's variable that keeps it from unpickling more than tensors; torchvision would let it."""


class FrozenNetwork(nn.Module):
    """Images to what the network's layer that makes classes would take.

    Args:
        body: the network with an identity in place of that layer.
        image_size: height and width of the images that it takes.
        transforms: those that torchvision publishes with its weights; of them the moments and the
            interpolation are used, but no crop.
    """

    def __init__(self, body: nn.Module, image_size: int, transforms: Any) -> None:
        super().__init__()
        self._body, self._size, self._transforms = body, [image_size, image_size], transforms

    @torch.no_grad()
    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Pixels 0..1 of 1 or 3 channels, of any size, to features [B, F].

        Raises:
            ValueError: the network cannot take images of this size, or has no features of them.
        """
        given = self._transforms
        rgb = x_BCHW.float().expand(-1, 3, -1, -1)
        resized = functional.resize(rgb, self._size, given.interpolation, antialias=True)
        try:
            found: Tensor = self._body(functional.normalize(resized, given.mean, given.std))
        except (AssertionError, RuntimeError, ValueError) as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            size = " x ".join(map(str, self._size))
            raise ValueError(one_line(f"cannot take images of {size} ({error})")) from error
        return found


def described(network: NetworkFeatures, progress: Progress) -> Extractor:
    """Which network a study names, once its weights are here.

    Raises:
        UserError: there is no such network, or its weights are missing or not its own.
    """
    published = _published(network.network)
    size = network.image_size or published.transforms().crop_size[0]
    own = network.weights and network.weights.absolute()
    if own and not own.is_file():
        raise UserError(f"data.features: there is no file {own}; weights are a .safetensors file")
    file = own or _downloaded(published, progress)
    sha256 = _digest(file)
    if own is None and not sha256.startswith(_prefix(file.name)):
        raise UserError(f"{file}: is damaged (SHA-256 {sha256}); remove it, to have it downloaded")
    extractor = Extractor(
        network=network.network,
        weights=str(own or file.name),
        sha256=sha256,
        image_size=size,
        shape=(3, size, size),
    )
    open_network(extractor)
    return extractor


def features(extractor: Extractor, x_BCHW: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Features of images as stored, [B, F]: bytes, or pixels 0..1; on a GPU if there is one.

    Raises:
        UserError: other values, or a size that the network cannot take.
    """
    x = as_numbers(x_BCHW).astype(np.float32)
    low, high = x.min(), x.max()
    if not (low >= 0 and high <= 1):
        raise UserError(
            f"data.features: values of {low:g} to {high:g}; {extractor.network} takes bytes, or "
            "pixels of 0 to 1"
        )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = open_network(extractor).to(device)
    try:
        found: npt.NDArray[np.float32] = network(torch.from_numpy(x).to(device)).cpu().numpy()
    except ValueError as error:
        raise UserError(f"data.features: {extractor.network} {error}") from None
    return found


def open_network(extractor: Extractor, progress: Progress = silent) -> FrozenNetwork:
    """The network, in evaluation mode.

    Raises:
        UserError: its weights are not here and cannot be fetched, are others, or do not fit it.
    """
    network, given = extractor.network, Path(extractor.weights)
    if given.is_absolute():
        file = given if given.is_file() else _folder() / given.name
        if not file.is_file():
            raise UserError(
                f"{network}: its weights are neither {given} nor in {_folder()}; "
                f"put {given.name} there (SHA-256 {extractor.sha256})"
            )
        return _opened(network, extractor.image_size, extractor.sha256, file)
    published = _published(network, given.name)
    file = _downloaded(published, progress)
    return _opened(network, extractor.image_size, extractor.sha256, file, published)


@lru_cache(1)
def _opened(
    network: str,
    image_size: int,
    sha256: str,
    file: Path,
    published: models.WeightsEnum | None = None,
) -> FrozenNetwork:
    if _digest(file) != sha256:
        raise UserError(f"{file}: other weights of {network} than those with SHA-256 {sha256}")
    with _quiet_and_safe():
        body = models.get_model(network, weights=published)
    head = _head(body)
    parent, _, last = head.rpartition(".")
    setattr(body.get_submodule(parent), last, nn.Identity())
    if published is None:
        _load(body, file, network, head)
    transforms = (published or _published(network)).transforms()
    return FrozenNetwork(body, image_size, transforms).eval().requires_grad_(False)


def _head(body: nn.Module) -> str:
    """The name of the layer that makes classes: the last linear one.

    SqueezeNet has none: there it is the last convolution, whose results are averaged.
    """
    for kind in (nn.Linear, nn.Conv2d):
        found: list[str] = [name for name, one in body.named_modules() if isinstance(one, kind)]
        if found:
            return found[-1]
    raise AssertionError("torchvision's classifiers have one of the two")


def _load(body: nn.Module, file: Path, network: str, head: str) -> None:
    """Load a network's weights but for those of its head, which may be for any classes."""
    try:
        state = load_file(file)
    except (OSError, SafetensorError) as error:
        raise UserError(one_line(f"{file}: no readable safetensors ({error})")) from None
    state = {name: weight for name, weight in state.items() if not name.startswith(f"{head}.")}
    needed = body.state_dict()
    for name in sorted(needed.keys() | state.keys()):
        ours, theirs = (_described(each.get(name)) for each in (needed, state))
        if ours != theirs:
            raise UserError(f"{file}: {name} is {theirs}, but {network} needs {ours}")
    needed.update(state)  # it knows its version, which safetensors does not
    body.load_state_dict(needed)


def _described(weight: Tensor | None) -> str:
    return "missing" if weight is None else f"{[*weight.shape]}"


def _published(network: str, file: str | None = None) -> models.WeightsEnum:
    """The weights that torchvision publishes of a network: the default ones, or those of a file.

    Raises:
        UserError: it knows none.
    """
    names = models.list_models(module=models)
    if network not in names:
        raise UserError(
            f"data.features: {network} is no network of torchvision's"
            f"{did_you_mean(network, names)} torchvision.models names all of them"
        )
    kinds = models.get_model_weights(network)
    if file is None:
        return kinds.DEFAULT
    found = next((each for each in kinds if _name(each) == file), None)
    if found is None:
        raise UserError(f"{network}: torchvision {torchvision.__version__} knows no weights {file}")
    return found


def _downloaded(weights: models.WeightsEnum, progress: Progress) -> Path:
    """The file of published weights where torchvision keeps it, fetched where it is not there.

    Raises:
        UserError: it could not be.
    """
    name, file = _name(weights), _folder() / _name(weights)
    if file.is_file():
        return file
    progress(Note(f"downloading {name} to {file.parent}"))
    bar = _Bar(f"downloading {name}", progress)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.redirect_stderr(bar):
            torch.hub.download_url_to_file(weights.url, str(file), _prefix(name))
    except (OSError, RuntimeError, HTTPException) as error:
        raise UserError(
            one_line(
                f"{name}: not found and not downloaded ({error}); put it into {file.parent}, or "
                "set $TORCH_HOME"
            )
        ) from error
    return file


def _name(weights: models.WeightsEnum) -> str:
    return str(weights.url).rpartition("/")[2]


def _prefix(name: str) -> str:
    """The first digits of a file's SHA-256, which torchvision writes at the end of its name."""
    return Path(name).stem.rpartition("-")[2]


def _folder() -> Path:
    """Where torchvision keeps weights."""
    return Path(torch.hub.get_dir(), "checkpoints")


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from None


@contextlib.contextmanager
def _quiet_and_safe() -> Iterator[None]:
    """Networks made in this context draw no random number of ours, and unpickle only tensors."""
    before = os.environ.get(_WEIGHTS_ONLY)
    os.environ[_WEIGHTS_ONLY] = "1"
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        del os.environ[_WEIGHTS_ONLY]
        if before is not None:
            os.environ[_WEIGHTS_ONLY] = before


class _Bar(io.StringIO):
    """Takes the bar that torch draws of a download, to have it told instead."""

    def __init__(self, text: str, progress: Progress) -> None:
        super().__init__()
        self._text, self._progress = text, progress

    def write(self, bar: str) -> int:
        """Tell it."""
        if bar.strip():
            self._progress(Working(f"{self._text} {bar.strip()}"))
        return len(bar)
