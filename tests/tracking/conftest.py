"""A small trained model and a study for it."""

from pathlib import Path

import pytest
from trained import train_model

from moe_search.engine.trial import TrialResult
from moe_search.spec import Study


@pytest.fixture(scope="session")
def result() -> TrialResult:
    """An attentive mixture of four experts on images of 8x8."""
    return train_model(gate="attentive")


@pytest.fixture(scope="session")
def finalist() -> TrialResult:
    """The same, from another seed, with its test decomposition."""
    return train_model(seed=1, test=True, gate="attentive")


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """A study whose stores lie in a folder of their own, with a space and a letter in its name."""
    folder = tmp_path / "a study č"
    folder.mkdir()
    return Study.model_validate(
        {"name": "tiny", "description": "of *three* classes", "data": "digits"},
        context={"folder": folder},
    )
