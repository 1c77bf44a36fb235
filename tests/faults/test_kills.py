"""Coordinators killed at every boundary and at any moment; the same run again mends all of it."""

import os
import random
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from optuna.trial import TrialState
from support.killed_coordinators import (
    BOUNDARIES,
    FINALS,
    MENDING,
    Coordinators,
    check,
    study,
    train,
)
from support.study_runs import run, trials

from moe_search.search.ledger import TrialRecord

EACH = 20  # kills of one study


@pytest.mark.parametrize("place", BOUNDARIES | FINALS)
def test_a_coordinator_may_be_killed_anywhere(
    study_folder: Path, coordinators: Coordinators, place: str
) -> None:
    coordinators.start(study_folder, place)
    assert coordinators.wait() == -signal.SIGKILL
    left = trials(study(study_folder), TrialState.RUNNING)
    assert bool(left) == (place in BOUNDARIES and not place.endswith("queued"))
    assert run(study(study_folder), train).ended.reason == "all trials are done"
    check(study_folder)
    found = trials(study(study_folder))
    assert any(TrialRecord.of(trial).replicate_of is not None for trial in found)
    complete = [trial.params for trial in trials(study(study_folder), TrialState.COMPLETE)]
    assert all(trial.params in complete for trial in left if trial.params)


@pytest.mark.parametrize("place", MENDING)
def test_a_coordinator_may_be_killed_while_it_mends(
    study_folder: Path, coordinators: Coordinators, place: str
) -> None:
    for at in ("model made", place):
        coordinators.start(study_folder, at)
        assert coordinators.wait() == -signal.SIGKILL
    run(study(study_folder), train)
    check(study_folder)


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    """How many kills at random moments: a share of them, unless all are asked for."""
    return 200 if request.config.getoption("--faults") == "full" else 4


def test_a_coordinator_may_be_killed_at_any_moment(
    empty_stores: Path, tmp_path: Path, coordinators: Coordinators, kills: int
) -> None:
    """Workers die, too, and trials raise; the study grows by two trials for each kill."""
    drawn = random.Random(kills)
    for first in range(0, kills, EACH):
        folder = shutil.copytree(empty_stores, tmp_path / f"study-{first}")
        wanted = 0
        for _ in range(min(EACH, kills - first)):
            wanted += 2
            while not killed(coordinators, folder, wanted, after=drawn.uniform(0.0, 1.5)):
                wanted += 2  # it was done before
            coordinators.start(folder, trials=wanted)
            assert coordinators.wait() == 0
            check(folder, wanted)


def killed(coordinators: Coordinators, folder: Path, wanted: int, after: float) -> bool:
    """Kill a coordinator after so many seconds; whether it was still running."""
    number = coordinators.start(folder, trials=wanted)
    time.sleep(after)
    with suppress(ProcessLookupError):
        os.kill(number, signal.SIGKILL)
    return coordinators.wait() == -signal.SIGKILL
