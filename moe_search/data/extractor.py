"""Features of images by a pre-trained network that stays as it is, in a process of its own.

Shape suffixes: N sample; C channel, H height, W width; F feature.
"""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, StrictInt

from moe_search.data.dataset import Samples, Split
from moe_search.data.files.processes import Helper, tell
from moe_search.data.mapped import as_mapped, new_array
from moe_search.errors import UserError
from moe_search.progress import Progress, Working
from moe_search.spec.base import Section
from moe_search.spec.sections import Data
from moe_search.spec.sections.data import NetworkFeatures, NetworkName

_BATCH = 64  # images


class Extractor(Section):
    """Which network makes features of images; a model keeps it, but not the network's weights.

    Attributes:
        network: its name among torchvision's networks for classification.
        weights: the file of its weights: a path, or the name of a published one, which is looked
            for where torchvision looks.
        sha256: of that file.
        image_size: height and width of the images that it takes.
        shape: (C, H, W) of a raw image, which is resized to them.
    """

    network: NetworkName
    weights: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    image_size: StrictInt = Field(ge=1, le=4096)
    shape: tuple[StrictInt, StrictInt, StrictInt]

    def __str__(self) -> str:
        """In words."""
        return f"{self.network} with the weights {self.weights} (SHA-256 {self.sha256})"


class Extraction:
    """A network that makes features of a study's images, ready before these are read.

    Args:
        source: the data; its network is looked for, and downloaded where it is nowhere.
        network: of ``source``.
        progress: told what takes a while.

    Attributes:
        source: says that images are read as large as the network takes them.

    Raises:
        UserError: there is no such network, or its weights are missing or not its own.
    """

    def __init__(self, source: Data, network: NetworkFeatures, progress: Progress) -> None:
        progress(Working(f"opening {network.network}"))
        self._progress = progress
        self._helper = Helper()
        try:
            self._extractor = self._helper.ask(_described, network, progress)
        except BaseException:
            self._helper.close()
            raise
        self.source = source.model_copy(update={"image_size": self._extractor.image_size})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._helper.close()

    def of(self, images: Samples) -> Samples:
        """The features of images [N, C, H, W] as [N, F], in a file beside the study.

        Raises:
            UserError: they are no images, or such as the network cannot take.
        """
        x_NCHW = images.x
        extractor = self.extractor(x_NCHW.shape[1:])
        found_NF: npt.NDArray[np.float32] | None = None
        for start in range(0, len(images.y), _BATCH):
            self._progress(Working(f"features by {extractor.network}", start, len(images.y)))
            x = np.ascontiguousarray(x_NCHW[start : start + _BATCH])
            part_NF = self._helper.ask(_features, (extractor, x))
            if found_NF is None:
                shape = (len(images.y), part_NF.shape[1])
                found_NF = new_array(shape, np.float32, self.source)
            found_NF[start : start + _BATCH] = part_NF
        return Split(as_mapped(found_NF), images.y)

    def extractor(self, shape: tuple[int, ...]) -> Extractor:
        """Which network it is, for raw images of a shape.

        Raises:
            UserError: it is not that of an image.
        """
        if len(shape) != 3 or shape[0] not in (1, 3):
            raise UserError(
                f"data.features: {self._extractor.network} takes images of 1 or 3 channels; "
                f"samples of {self.source.name} have the shape {shape}"
            )
        return self._extractor.model_copy(update={"shape": shape})


def _described(network: NetworkFeatures) -> Extractor:
    from moe_search.data.frozen_network import described

    return described(network, tell)


def _features(images: tuple[Extractor, npt.NDArray[Any]]) -> npt.NDArray[np.float32]:
    from moe_search.data.frozen_network import features

    return features(*images)
