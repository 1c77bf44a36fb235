"""A clock that jumps while a study runs: nothing is lost, and no limit is met too early."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

import pytest
from support.killed_coordinators import train
from support.study_runs import check_ledger, check_results, run, study_in, trials

from moe_search.engine.trial import TrialSpec
from moe_search.moe.decomposition import Decomposition
from moe_search.report.results.summary import summarize
from moe_search.search.study_store import COUNTED, find_study

JUMPS = 2  # the trial in which it does


@pytest.fixture
def in_zone() -> Iterator[Callable[[str], None]]:
    """Puts this process into a time zone."""
    with pytest.MonkeyPatch.context() as patch:

        def put(zone: str) -> None:
            patch.setenv("TZ", zone)
            time.tzset()

        yield put
    time.tzset()


def test_a_machine_of_another_time_zone_is_told_when_it_was(
    study_folder: Path, in_zone: Callable[[str], None]
) -> None:
    """And a study may go on in another zone than it was begun in."""
    for wanted, coordinator, reader in ((1, "Asia/Tokyo", "UTC"), (2, "UTC", "America/St_Johns")):
        study = study_in(study_folder, search={"trials": wanted})
        in_zone(coordinator)
        run(study, train)
        in_zone(reader)
        active = summarize(study, find_study(study), 1).active
        assert active is not None
        assert active.utcoffset() == datetime.now().astimezone().utcoffset()
        assert abs(datetime.now().astimezone() - active) < timedelta(minutes=5)


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
