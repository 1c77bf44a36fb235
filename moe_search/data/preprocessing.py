"""How raw samples become what a model takes; a model keeps it, so that it serves raw samples.

Shape suffixes: B sample, S a sample's own axes: C, H, W for images or F for vectors.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field, StrictBool, StrictFloat

from moe_search.data.encoding import Encoding, from_arrow
from moe_search.data.extractor import Extractor
from moe_search.data.files.images import decode
from moe_search.data.samples import Shape, as_samples, has_float32_range
from moe_search.spec.base import Section

_NO_ROOM = 0.5  # of the training data's range, beyond which values are told


class Preprocessing(Section):
    """What a model's training data was before it was normalised.

    Attributes:
        low, high: the least and the largest value of a training sample, bytes as 0..1.
        whole: whether whole numbers are bytes of pixels, 0..255, which count as 0..1.
        encoding: how a table's rows become features; None of images and arrays.
        extractor: the network that makes features of images; None where the model takes these.
        channels_last: whether the last axis of raw samples is the channels', where all are of one
            size, so that no shape tells them apart.
    """

    low: StrictFloat = 0.0
    high: StrictFloat = 1.0
    whole: StrictBool = Field(False)
    encoding: Encoding | None = None
    extractor: Extractor | None = None
    channels_last: StrictBool = False


def raw_shape(shape: Shape, preprocessing: Preprocessing | None) -> Shape:
    """The shape of raw samples: of a model's own, or of images that a network makes features of."""
    extractor = preprocessing and preprocessing.extractor
    return extractor.shape if extractor else shape


def as_input(
    values: Any, shape: Shape, preprocessing: Preprocessing | None, pixels: bool = False
) -> npt.NDArray[np.float32 | np.float64]:
    """Raw samples as a model takes them, [B, S]; float64 where they came so.

    Args:
        values: an array, lists, a data frame or an Arrow table of samples in any layout that
            ``as_samples`` knows; bytes of image files; or rows of a table, as ``Encoding.rows``
            takes them.
        shape: of one sample as the model takes it.
        preprocessing: the model's; None of one that was made before models kept it.
        pixels: whether bytes are surely pixels of 0..255, as those of an image file are, even where
            none is above 1.

    Raises:
        ValueError: they do not fit, or are not finite.
    """
    if preprocessing and preprocessing.encoding:
        encoding = preprocessing.encoding
        return encoding.encode(encoding.rows(values))
    last = preprocessing is not None and preprocessing.channels_last
    values = from_arrow(values)
    files = _files(values)
    raw = _decoded(files, shape) if files else _array(values)
    x_BS = as_samples(raw, shape, "channels_last" if last else "auto")
    if _are_pixels(x_BS, shape, preprocessing, pixels or bool(files)):
        x_BS = x_BS.astype(np.float32) / np.float32(255)
    wide = x_BS.dtype.itemsize >= 4 and x_BS.dtype != np.float32
    found: npt.NDArray[np.float32 | np.float64] = x_BS.astype(np.float64 if wide else np.float32)
    if not has_float32_range(found):
        raise ValueError("holds NaN or numbers too large for float32")
    return found


def range_warning(
    x_BS: npt.NDArray[Any], shape: Shape, preprocessing: Preprocessing | None
) -> str | None:
    """Says that pixels are far from those of training, where they are."""
    if preprocessing is None or preprocessing.encoding or not x_BS.size:
        return None
    if len(shape) != 3 and not preprocessing.whole:
        return None  # features of other samples may well be larger
    low, high = float(x_BS.min()), float(x_BS.max())
    room = _NO_ROOM * (preprocessing.high - preprocessing.low)
    if preprocessing.low - room <= low and high <= preprocessing.high + room:
        return None
    return (
        f"values of {low:g} to {high:g}, but the model was trained on {preprocessing.low:g} to "
        f"{preprocessing.high:g}; scale them alike"
    )


def _are_pixels(
    x_BS: npt.NDArray[Any], shape: Shape, preprocessing: Preprocessing | None, surely: bool
) -> bool:
    """Whether numbers count as 0..1: as those of training did, or as its pixels are.

    Zeros and ones are those of training, of whichever type they are here and were there.
    """
    zeros_and_ones = x_BS.size > 0 and bool(0 <= x_BS.min() <= x_BS.max() <= 1)
    if preprocessing is not None and preprocessing.whole:
        of_bytes = zeros_and_ones and round(255 * preprocessing.high) <= 1
        return x_BS.dtype.kind in "iu" or of_bytes
    in_unit = preprocessing is None or (preprocessing.low >= 0 and preprocessing.high <= 1)
    images = preprocessing is None or len(shape) == 3
    as_trained = preprocessing is not None and zeros_and_ones and not surely
    return x_BS.dtype == np.uint8 and in_unit and images and not as_trained


def _files(values: Any) -> list[bytes]:
    """The contents of image files; none where values are no such."""
    if hasattr(values, "columns"):
        values = values.iloc[:, 0].tolist() if values.shape[1] == 1 else []
    found = [values] if isinstance(values, bytes) else values
    are_files = isinstance(found, Sequence) and len(found) > 0 and isinstance(found[0], bytes)
    return list(found) if are_files else []


def _array(values: Any) -> npt.NDArray[Any]:
    """Numbers as an array."""
    if hasattr(values, "columns"):
        cells = values.iloc[:, 0].tolist() if values.shape[1] == 1 else []
        values = cells if cells and np.ndim(cells[0]) else values.to_numpy()  # or a sample a cell
    x = np.asarray(values)
    if x.dtype == object:
        x = np.asarray(values, np.float64)
    if x.dtype.kind not in "biuf":
        raise ValueError(f"holds {x.dtype}, expected numbers")
    return x


def _decoded(files: Sequence[bytes], shape: Shape) -> npt.NDArray[np.uint8]:
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise ValueError(f"the model takes samples {[*shape]}, no images")
    channels, *size = shape
    height, width = size
    return np.stack(
        [decode(file, (height, width), channels, f"image {n}") for n, file in enumerate(files)]
    )


def input_warnings(
    values: Any, x_BS: npt.NDArray[Any], shape: Shape, preprocessing: Preprocessing | None
) -> list[str]:
    """What to say of raw samples beside those of training, of which ``as_input`` made an array."""
    encoding = preprocessing and preprocessing.encoding
    told = encoding.unknown(values) if encoding else range_warning(x_BS, shape, preprocessing)
    return [told] if told else []
