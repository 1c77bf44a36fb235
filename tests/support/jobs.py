"""Jobs for workers of any executor, and what they come to."""

import time
from collections.abc import Callable

from moe_search.engine.trial import EpochReport, Job, TrialResult, TrialSpec
from moe_search.moe.architecture import Architecture
from moe_search.search.executors.base import Event, Executor
from moe_search.spec import PRESETS, Configuration, Data

SOURCE = Data(name="digits")
LONG = Configuration.model_validate({"training": {"epochs": 10_000, "batch_size": 64}})
PATIENCE = 120  # seconds, for what takes one


def job(*keys: int) -> Job:
    """Trials of one job that end only when they are dropped."""
    return digits_job(*(TrialSpec(key, LONG, 0) for key in keys))


def digits_job(*specs: TrialSpec) -> Job:
    """Trials of one job with the networks of the digits."""
    backbone = PRESETS["digits"]
    shared = Architecture.of(specs[0].configuration, backbone, (1, 8, 8), classes=10)
    return Job(specs, shared, SOURCE)


def await_events(executor: Executor, enough: Callable[[list[Event]], bool]) -> list[Event]:
    """All that happens until it is enough."""
    found: list[Event] = []
    ends = time.monotonic() + PATIENCE
    while not enough(found):
        assert time.monotonic() < ends, found
        found += executor.events(timeout=1.0)
    return found


def reported(*keys: int) -> Callable[[list[Event]], bool]:
    """Whether each of some trials has told of an epoch."""

    def enough(found: list[Event]) -> bool:
        return set(keys) <= {event.key for event in found if isinstance(event, EpochReport)}

    return enough


def check_drop(executor: Executor) -> None:
    """Of two trials in a job that is running, 0 and 1, one is stopped and the other goes on."""
    executor.drop([1, 99])

    def results(found: list[Event]) -> list[TrialResult]:
        return [event for event in found if isinstance(event, TrialResult)]

    (dropped,) = results(await_events(executor, lambda found: bool(results(found))))
    assert dropped.key == 1
    assert not dropped.complete
    assert dropped.history[-1].epoch == len(dropped.usage_TM) < 10_000
    await_events(executor, reported(0))
