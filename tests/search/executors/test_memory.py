"""What a worker holds of data that is too large for it."""

import sys
from pathlib import Path

import numpy as np
import pytest
from support.jobs import await_events

from moe_search.data import Dataset, load, mapped
from moe_search.engine.checkpoints import Checkpoints
from moe_search.engine.trial import Job, TrialResult, TrialSpec
from moe_search.moe.architecture import Architecture
from moe_search.search.executors.base import Plan
from moe_search.search.executors.local import LocalExecutor
from moe_search.spec import Configuration, Data, resolve_backbone

SIDE = 64  # 20,000 images of it: 82 MB of bytes, 328 MB of float32
MEGA = 10**6


def saved(folder: Path, count: int, side: int = SIDE) -> Data:
    folder.mkdir()
    x = np.random.default_rng(0).integers(0, 256, (count, 1, side, side), np.uint8)
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", np.arange(count) % 2)
    return Data(name="arrays", path=folder)


def trained(data: Dataset, source: Data, folder: Path) -> tuple[TrialResult, float]:
    """What a worker makes of it in two epochs, and the most memory it had, in bytes."""
    configuration = Configuration.model_validate(
        {"model": {"kind": "single", "backbone": "mlp"}, "training": {"epochs": 2}}
    )
    backbone = resolve_backbone(configuration.model, source.preset, data.shape, 2)
    architecture = Architecture.of(configuration, backbone, data.shape, 2)
    job = Job((TrialSpec(0, configuration, 0),), architecture, source, test=True)
    with LocalExecutor(Plan(("cpu",), 1), data, Checkpoints(folder, source)) as executor:
        executor.submit(job)
        seen = await_events(executor, lambda seen: any(isinstance(e, TrialResult) for e in seen))
        (worker,) = executor._workers
        status = Path(f"/proc/{worker.process.pid}/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return next(e for e in seen if isinstance(e, TrialResult)), int(peak.split()[1]) * 1024


def test_the_numbers_are_those_of_data_that_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = saved(tmp_path / "data", 600, side=8)
    held, _ = trained(load(source, test=True), source, tmp_path)
    monkeypatch.setattr(mapped, "RESIDENT", 1000)
    large, _ = trained(load(source, test=True), source, tmp_path)
    assert held.history == large.history
    assert held.test is not None
    assert large.test is not None
    assert held.test.metrics() == large.test.metrics()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_worker_holds_little_of_data_that_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapped, "RESIDENT", 1000)
    peaks = []
    for count in (2000, 20_000):
        source = saved(tmp_path / str(count), count)
        _, peak = trained(load(source, test=True), source, tmp_path)
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 200 * MEGA, "of 328 MB"
    assert peaks[1] < 1500 * MEGA
