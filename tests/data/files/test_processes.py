"""Images decoded by processes: the same pixels and errors, and nobody is left behind."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from moe_search.data.files import images
from moe_search.data.files.processes import mapped
from moe_search.errors import UserError
from moe_search.progress import Note, Working, silent
from moe_search.spec import Data


@pytest.fixture
def painted(tmp_path: Path) -> list[images.Named]:
    """Forty images, the number 7 of which is none."""
    for number in range(40):
        Image.new("L", (4, 4), 5 * number).save(tmp_path / f"{number:02}.png")
    (tmp_path / "07.png").write_text("no image")
    return [(file, file.name) for file in sorted(tmp_path.iterdir())]


def source(unreadable: str) -> Data:
    known = {"name": "image_folder", "path": "x", "image_size": 4, "channels": 1}
    return Data.model_validate(known | {"unreadable": unreadable})


@pytest.mark.parametrize("alone", [0.0, 60.0])
def test_pixels_and_errors_are_the_same(
    painted: list[images.Named], alone: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "_ALONE", alone)
    said: list[Note | Working] = []
    x_NHWC, kept = images.decode_all({"test": painted}, source("skip"), said.append)["test"]
    readable = [number for number in range(40) if number != 7]
    assert kept.tolist() == readable
    assert x_NHWC[:, 2, 2, 0].tolist() == [5 * number for number in readable]
    assert Working("reading test images", 0, 40) in said
    assert "1 of 40 images are skipped; the first: 07.png: not a readable image" in str(said[-1])
    with pytest.raises(UserError, match=r"^07\.png: not a readable image"):
        images.decode_all({"test": painted}, source("stop"), silent)


def test_answers_keep_the_order_of_the_parts() -> None:
    parts = [np.full(1000 * (7 - n), n) for n in range(7)]
    found = list(mapped(partial(np.multiply, 2), parts, 3))
    assert [(len(each), each[0]) for each in found] == [(1000 * (7 - n), 2 * n) for n in range(7)]


def test_a_process_that_dies_is_named() -> None:
    with pytest.raises(RuntimeError, match=r"a process that reads files died \(3\)"):
        list(mapped(os._exit, [3], 1))


_READER = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # which may have been ignored
from moe_search.data.files.processes import mapped
for _ in mapped(time.sleep, [0.0, 0.0, *[1.0] * 60], 2):
    print("read", flush=True)
"""  # no guard against being run again


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_the_reader_ends_its_processes(number: signal.Signals) -> None:
    reader = subprocess.Popen(
        [sys.executable, "-c", _READER],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )
    with reader:
        assert reader.stdout is not None
        reader.stdout.readline()
        reader.send_signal(number)
        reader.wait(30)
    deadline = time.monotonic() + 90  # a sleep is done before its process looks up
    while _group_lives(reader.pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
