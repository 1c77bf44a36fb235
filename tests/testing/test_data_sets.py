"""Data sets that another package brings, and the contract that each data set keeps to."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import moe_search
from moe_search.data import load
from moe_search.data.survey import survey
from moe_search.errors import UserError
from moe_search.spec import Data, Study
from moe_search.testing import DataSetContract

TOY = '''\
"""Points of two colours, and a data set that forgets to be one."""

import numpy as np

from moe_search.data.dataset import Raw, Split
from moe_search.data.sets.base import DataSet
from moe_search.spec.kinds.data_sets import DataSetKind

KIND = DataSetKind(meaning="points of two colours", made_by="toy_points:POINTS", preset="mlp")
NO_KIND = "points"


class Points(DataSet):
    def read(self, source, test, progress):
        drawn = np.random.default_rng(0)
        y = np.arange(60) % 2
        x = (drawn.normal(size=(60, 3)) + 3 * y[:, None]).astype(np.float32)
        whole = Split(x, y)
        return Raw(whole, whole if test else None, ("red", "blue"))


POINTS = Points()
'''


def install(folder: Path) -> None:
    about = folder / "toy_points-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "toy_points.py").write_text(TOY)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-points\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[moe_search.data_sets]\npoints = toy_points:KIND\nno_kind = toy_points:NO_KIND\n"
    )


@pytest.fixture(autouse=True)
def installed(tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        install(tmp_path / "site-packages")
        patch.syspath_prepend(tmp_path / "site-packages")
        yield patch


class TestPoints(DataSetContract):
    name = "points"


class TestDigits(DataSetContract):
    name = "digits"


class TestArrays(DataSetContract):
    name = "arrays"

    @pytest.fixture(autouse=True)
    def _arrays(self, tmp_path: Path) -> None:
        x = np.random.default_rng(0).normal(size=(60, 4))
        np.savez(tmp_path / "own.npz", X=x, y=np.array(["a", "b", "c"] * 20))
        type(self).path = tmp_path / "own.npz"


def test_what_is_declared_but_is_no_data_set_is_refused() -> None:
    with pytest.raises(UserError, match=r"toy_points:NO_KIND: declared in moe_search\.data_sets"):
        Data(name="no_kind")


def test_a_name_that_is_not_installed_is_unknown() -> None:
    with pytest.raises(ValueError, match="Input should be 'digits'"):
        Study.model_validate({"name": "x", "data": "pints"})


def test_a_study_of_it_runs(study_folder: Path, installed: pytest.MonkeyPatch) -> None:
    installed.chdir(study_folder)
    installed.setenv("PYTHONPATH", os.pathsep.join(map(str, sys.path)))  # of the workers
    assert survey("points").counts == {"red": 30, "blue": 30}
    outcome = moe_search.run(
        {
            "name": "own",
            "data": "points",
            "training": {"epochs": 2},
            "model": {"experts": {"low": 2, "high": 3}},
            "search": {"trials": 2, "sampler": "grid", "workers": 1},
            "finalists": {"top": 1, "seeds": 1},
        }
    )
    assert len(outcome.best) == 2
    assert outcome.champion == "models:/own@champion"
    assert load(Data(name="points")).classes == ("red", "blue")
