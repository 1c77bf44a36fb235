"""A study whose trials leave checkpoints from their first epoch on, to be killed in the middle.

It is no part of a test's module, as a process that is spawned imports what it is to call by name.
"""

from functools import partial
from pathlib import Path
from unittest.mock import patch

from moe_search.engine.checkpoints import Checkpoints
from moe_search.search.run import run_study
from moe_search.spec import Study
from support.study_runs import study_in

STAGE = 5  # epochs


def study(folder: Path, name: str, top: int = 0) -> Study:
    """Two trials that train in step."""
    return study_in(
        folder,
        name=name,
        model={"temperature": {"low": 0.3, "high": 3.0}, "gate": "attentive"},
        training={"epochs": STAGE, "batch_size": 8, "distill": True},
        search={"trials": 2, "workers": 1, "sampler": "random"},
        finalists={"top": top, "seeds": 1},
    )


def search(folder: Path) -> None:
    """What the coordinator of the study "coordinator" does."""
    with patch("moe_search.search.on_data.Checkpoints", partial(Checkpoints, after=0.0)):
        run_study(study(folder, "coordinator"), lambda event: None)
