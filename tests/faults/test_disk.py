"""A disk that is full, or read-only: a run ends in one line, and the same run goes on later."""

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.killed_coordinators import Coordinators, check, study, train
from support.study_runs import run

from moe_search.errors import UserError


@pytest.fixture
def disk(tmp_path: Path, empty_stores: Path) -> Iterator[Path]:
    """A disk of its own with empty stores."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs the right to mount a disk: {done.stderr.strip()}")
    shutil.copytree(empty_stores, folder, dirs_exist_ok=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def remount(disk: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", disk], check=True)


def resize(disk: Path, free: int) -> None:
    """Leave so many kB free."""
    state = os.statvfs(disk)
    used = (state.f_blocks - state.f_bfree) * state.f_frsize // 1024
    remount(disk, f"size={used + free}k")


def ended(disk: Path, wanted: int) -> str:
    """The one line that a run of the study ends with; empty where there was room for it."""
    try:
        run(study(disk, wanted), train)
    except UserError as error:
        message = str(error)
        assert message.isprintable()
        assert str(disk) in message
        return message
    return ""


@pytest.fixture
def room(request: pytest.FixtureRequest) -> list[int]:
    """The kB that are left before each of some faults; two trials take 300 and more.

    How much more depends on how much of the databases' logs is free to be written again.
    """
    drawn = random.Random(0)
    times = 40 if request.config.getoption("--faults") == "full" else 1
    return [0, *(drawn.randrange(4, 700) for _ in range(times))]


def test_a_full_disk_loses_nothing(
    disk: Path, room: list[int], coordinators: Coordinators, capfd: pytest.CaptureFixture[str]
) -> None:
    for number, free in enumerate(room, start=1):
        wanted = 2 * number
        resize(disk, free)
        message = ended(disk, wanted)
        assert message or free > 250
        assert not message or message.endswith("; once it is mended, the same command goes on")
        assert "Traceback" not in capfd.readouterr().err
        resize(disk, free=1_000_000)
        coordinators.start(disk, trials=wanted)
        assert coordinators.wait() == 0
        check(disk, wanted)


def test_a_read_only_disk_is_refused_and_left_as_it_is(
    disk: Path, coordinators: Coordinators
) -> None:
    coordinators.start(disk, trials=2)
    assert coordinators.wait() == 0
    remount(disk, "ro")
    assert ended(disk, 4)
    remount(disk, "rw")
    coordinators.start(disk, trials=4)
    assert coordinators.wait() == 0
    check(disk, 4)
