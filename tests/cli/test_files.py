"""Files that commands write, and what is said where they cannot be."""

import errno
from pathlib import Path

import pytest
from click.testing import CliRunner

from moe_search.cli import main
from moe_search.cli.files import check_folder, writing
from moe_search.errors import UserError


def test_a_folder_that_is_not_there_is_told_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--html .*page\.html: no such folder; make it first"):
        check_folder("--html", tmp_path / "none" / "page.html")
    check_folder("--html", tmp_path / "page.html")
    check_folder("--html", None)


def test_a_full_disk_is_told_in_one_line(tmp_path: Path) -> None:
    message = r"^--html .*page\.html: No space left on device$"
    with pytest.raises(UserError, match=message), writing("--html", tmp_path / "page.html"):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_name_that_no_disk_takes_is_a_mistake(tmp_path: Path) -> None:
    out = tmp_path / ("a" * 300)
    done = CliRunner().invoke(main, ["init", "--data", "digits", "--out", str(out)])
    assert done.exit_code == 2
    assert "File name too long" in done.stderr
