"""A clock that jumps while a study runs: nothing is lost, and no limit is met too early."""

import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

import pytest
from support.killed_coordinators import train
from support.study_runs import check_ledger, check_results, run, study_in, trials

from moe_search.engine.trial import TrialSpec
from moe_search.moe.decomposition import Decomposition
from moe_search.search.study_store import COUNTED

JUMPS = 2  # the trial in which it does


@pytest.mark.parametrize("hours", [-24, 24])
def test_a_clock_that_jumps(
    study_folder: Path, monkeypatch: pytest.MonkeyPatch, hours: float
) -> None:
    study = study_in(study_folder, search={"timeout": "10m"}, finalists={"top": 1, "seeds": 1})
    true_time, offset = time.time, [0.0]

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(time.time(), tz)

    monkeypatch.setattr(time, "time", lambda: true_time() + offset[0])
    monkeypatch.setattr("optuna.storages._rdb.storage.datetime", Clock)
    monkeypatch.setattr("moe_search.stores.lock.datetime", Clock)

    def jump(spec: TrialSpec, epoch: int) -> Decomposition:
        if spec.key == JUMPS:
            offset[0] = 3600.0 * hours
        return train(spec, epoch)

    assert run(study, jump).ended.reason == "all trials are done"
    began = [trial.datetime_start for trial in trials(study, *COUNTED) if trial.datetime_start]
    assert len(began) == 4
    assert max(began) - min(began) > timedelta(hours=23)
    check_ledger(study)
    check_results(study)
    assert run(study, train).workers.jobs == []
