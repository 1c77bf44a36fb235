"""What tests of commands share."""

import subprocess
from pathlib import Path

import pytest
from finished import FinishedStudy


@pytest.fixture(scope="module")
def study_copy(finished_study: FinishedStudy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, which may be written.

    Made by another process: closing a file of sqlite's would take the locks of it from this one.
    """
    folder = tmp_path_factory.mktemp("copy") / "study"
    subprocess.run(["cp", "--recursive", finished_study.file.parent, folder], check=True)
    return folder / "study.yaml"
