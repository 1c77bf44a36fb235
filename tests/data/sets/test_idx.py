import gzip
import re
import struct
from pathlib import Path

import numpy as np
import pytest

from moe_search.data.sets.idx import MNIST, read_idx
from moe_search.errors import UserError

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def idx(shape: tuple[int, ...], content: bytes, kind: int = 8) -> bytes:
    return bytes((0, 0, kind, len(shape))) + struct.pack(f">{len(shape)}I", *shape) + content


def write(folder: Path, images: bytes, labels: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / IMAGES).write_bytes(images)
    (folder / LABELS).write_bytes(labels)
    return folder


@pytest.fixture
def images() -> bytes:
    return idx((3, 28, 28), bytes(i % 251 for i in range(3 * 784)))


@pytest.fixture
def labels() -> bytes:
    return idx((3,), bytes((7, 0, 9)))


def test_plain_and_gzipped_files_hold_the_same(tmp_path: Path, images: bytes) -> None:
    plain, packed = tmp_path / "a", tmp_path / "a.gz"
    plain.write_bytes(images)
    packed.write_bytes(gzip.compress(images))
    x_NHW = read_idx(plain, dimensions=3)
    assert x_NHW.shape == (3, 28, 28)
    assert x_NHW.reshape(-1)[:4].tolist() == [0, 1, 2, 3]
    assert np.array_equal(x_NHW, read_idx(packed, dimensions=3))


def test_images_get_a_channel_axis(tmp_path: Path, images: bytes, labels: bytes) -> None:
    raw = MNIST.read_folder(write(tmp_path, images, labels), test=False)
    assert raw.training.x.shape == (3, 1, 28, 28)
    assert raw.training.y.tolist() == [7, 0, 9]
    assert raw.test is None


def flipped(content: bytes, byte: int, bit: int) -> bytes:
    damaged = bytearray(content)
    damaged[byte] ^= 1 << bit
    return bytes(damaged)


@pytest.mark.parametrize("byte", range(16))
@pytest.mark.parametrize("bit", [0, 4, 7])
def test_any_flipped_bit_of_a_header_is_found(
    tmp_path: Path, images: bytes, labels: bytes, byte: int, bit: int
) -> None:
    folder = write(tmp_path, flipped(images, byte, bit), labels)
    with pytest.raises(UserError, match=rf"^{re.escape(str(folder / IMAGES))}: [^\n]+$"):
        MNIST.read_folder(folder, test=False)


@pytest.mark.parametrize("length", [0, 3, 7, 15, 16, 2367])
def test_a_truncated_file_is_found(
    tmp_path: Path, images: bytes, labels: bytes, length: int
) -> None:
    folder = write(tmp_path, images[:length], labels)
    with pytest.raises(UserError, match=rf"{IMAGES}: [^\n]+$"):
        MNIST.read_folder(folder, test=False)


def test_bytes_too_many_are_found(tmp_path: Path, images: bytes, labels: bytes) -> None:
    folder = write(tmp_path, images + b"\0", labels)
    with pytest.raises(UserError, match="2353 bytes of data where its header says 3 x 28 x 28"):
        MNIST.read_folder(folder, test=False)


@pytest.mark.parametrize("damage", ["truncated", "crc", "not gzip"])
def test_a_damaged_gzip_file_is_found(tmp_path: Path, images: bytes, damage: str) -> None:
    packed = gzip.compress(images)
    content = {
        "truncated": packed[: len(packed) // 2],
        "crc": flipped(packed, len(packed) - 8, 0),
        "not gzip": images,
    }[damage]
    path = tmp_path / "images.gz"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"images\.gz: cannot be read \([^\n]+$"):
        read_idx(path, dimensions=3)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (idx((2, 28, 28), bytes(2 * 784)), idx((3,), bytes(3)), "3 labels for 2 images"),
        (idx((2, 27, 28), bytes(2 * 756)), idx((2,), bytes(2)), "images of 27 x 28"),
        (idx((2, 28, 28), bytes(2 * 784)), idx((2,), bytes((0, 10))), "label 10 out of range"),
        (idx((0, 28, 28), b""), idx((0,), b""), "holds no samples"),
        (idx((2, 28, 28), bytes(2 * 784)), idx((2,), bytes(8), kind=12), "starts with 00000c01"),
    ],
)
def test_files_that_do_not_fit_are_refused(
    tmp_path: Path, images: bytes, labels: bytes, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        MNIST.read_folder(write(tmp_path, images, labels), test=False)


def test_a_missing_file_is_named(tmp_path: Path, images: bytes, labels: bytes) -> None:
    folder = write(tmp_path, images, labels)
    (folder / LABELS).unlink()
    with pytest.raises(UserError, match=f"{LABELS}.gz: cannot be read"):
        MNIST.read_folder(folder, test=False)
