"""What an executor of one's own must keep to, as tests to inherit.

In the tests of whoever adds it::

    from moe_search.testing import ExecutorContract

    class TestMine(ExecutorContract):
        name = "mine"
        options = {"address": "local"}
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, ClassVar

from moe_search.data import load
from moe_search.engine.checkpoints import Checkpoints
from moe_search.engine.messages import Ready
from moe_search.engine.trial import EpochReport, Job, TrialResult, TrialSpec
from moe_search.moe.architecture import Architecture
from moe_search.progress import silent
from moe_search.search.executors import opener
from moe_search.search.executors.base import Event, Executor
from moe_search.spec import PRESETS, Configuration, Data, Study
from moe_search.spec.kinds.executors import LOCAL

_SOURCE = Data(name="digits")
_SHORT, _LONG = 3, 10_000  # epochs
_PATIENCE = 120  # seconds, for what takes one


class ExecutorContract:
    """Tests that pytest runs for a subclass whose name starts with Test.

    Attributes:
        name: of the executor, in study.yaml.
        options: what study.yaml says to it.
    """

    name: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = {}

    def test_its_plan_has_the_workers_that_the_study_asks_for(self) -> None:
        made = opener(self._study(2), silent)
        with made.joined():
            assert len(made.plan().devices) == 2

    def test_it_trains_stops_what_is_dropped_and_takes_another_job(self, tmp_path: Path) -> None:
        """One test, for workers take seconds to start."""
        with self._open(tmp_path) as executor:
            _await(executor, lambda seen: any(isinstance(event, Ready) for event in seen))
            assert executor.idle == 1
            executor.submit(_job(_LONG, 0, 1))
            assert executor.idle == 0
            _await(executor, lambda seen: {0, 1} <= _reported(seen))
            executor.drop([1, 99])
            (dropped,) = _results(_await(executor, lambda seen: bool(_results(seen))))
            assert dropped.key == 1
            assert not dropped.complete
            executor.drop([0])
            _await(executor, lambda seen: bool(_results(seen)) and executor.idle == 1)
            executor.submit(_job(_SHORT, 2))
            seen = _await(executor, lambda seen: bool(_results(seen)) and executor.idle == 1)
            assert _reported(seen) == {2}
            assert [event.epoch for event in seen if isinstance(event, EpochReport)] == [1, 2, 3]
            (result,) = _results(seen)
            assert result.complete

    def test_its_numbers_are_those_of_this_machines_processes(self, tmp_path: Path) -> None:
        job = _job(_SHORT, 0)
        found = []
        for number, study in enumerate([self._study(1), _study(1, LOCAL)]):
            with _opened(study, tmp_path / str(number)) as executor:
                _await(executor, lambda seen: any(isinstance(event, Ready) for event in seen))
                executor.submit(job)
                (result,) = _results(_await(executor, lambda seen: bool(_results(seen))))
                found.append([report.metrics for report in result.history])
        assert found[0] == found[1]

    def _study(self, workers: int) -> Study:
        return _study(workers, {self.name: dict(self.options)} if self.name != LOCAL else LOCAL)

    def _open(self, folder: Path) -> AbstractContextManager[Executor]:
        return _opened(self._study(1), folder)


def _study(workers: int, executor: object) -> Study:
    search = {"workers": workers, "executor": executor, "device": "cpu", "population": 2}
    return Study.model_validate({"name": "contract", "data": "digits", "search": search})


@contextmanager
def _opened(study: Study, folder: Path) -> Iterator[Executor]:
    made = opener(study, silent)
    with made.joined():
        plan = made.plan()
        with made.open(plan, load(_SOURCE), Checkpoints(folder, _SOURCE)) as executor:
            yield executor


def _job(epochs: int, *keys: int) -> Job:
    configuration = Configuration.model_validate({"training": {"epochs": epochs, "batch_size": 64}})
    specs = tuple(TrialSpec(key, configuration, 0) for key in keys)
    shared = Architecture.of(configuration, PRESETS["digits"], (1, 8, 8), classes=10)
    return Job(specs, shared, _SOURCE)


def _await(executor: Executor, enough: Callable[[list[Event]], bool]) -> list[Event]:
    """All that happens until it is enough."""
    seen: list[Event] = []
    ends = time.monotonic() + _PATIENCE
    while not enough(seen):
        assert time.monotonic() < ends, seen
        seen += executor.events(timeout=1.0)
    return seen


def _reported(seen: list[Event]) -> set[int]:
    """Trials that have told of an epoch."""
    return {event.key for event in seen if isinstance(event, EpochReport)}


def _results(seen: list[Event]) -> list[TrialResult]:
    return [event for event in seen if isinstance(event, TrialResult)]
