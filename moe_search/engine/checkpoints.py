"""Checkpoints: files from which a long training resumes after a crash, as if there had been none.

A file is one trial after one epoch. Its name begins with a digest of all on which the training
depends, so whoever trains the same finds it: the trial that repeats one whose worker died, alone or
among others, or a finalist. It ends with a digest of its content. There is no pickle in it.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from moe_search.engine.trial import EpochReport, TrialSpec
from moe_search.moe.architecture import State
from moe_search.spec import Data

_MINUTE = 60.0
_KEPT = 2  # the older is there for a newest one that a system's end left half on the disk
_WEIGHTS, _BEST = "weights", "best weights"
_SUFFIX = ".safetensors"
_DIGITS = 32  # of a digest: 128 bits


@dataclass(frozen=True)
class Snapshot:
    """One model in the middle of a stage.

    Attributes:
        weights: its state.
        optimizer: what the optimizer keeps of it, in this stage.
    """

    weights: State
    optimizer: dict[str, State]


@dataclass(frozen=True)
class Checkpoint:
    """A trial in the middle of its training.

    Attributes:
        epochs: how many are trained, those of a pretraining included.
        history: what was reported of them.
        seconds: its share of the wall seconds that workers took for its populations.
        snapshot: its model and the optimizer.
        best: the weights of its best epoch, if the training may stop early.
    """

    epochs: int
    history: tuple[EpochReport, ...]
    seconds: float
    snapshot: Snapshot
    best: State | None = None


class ResumeGroup(NamedTuple):
    """Trials that can train in step because as many epochs of each are trained.

    Attributes:
        specs: the trials.
        checkpoints: of each by its key; none where they begin.
    """

    specs: tuple[TrialSpec, ...]
    checkpoints: dict[int, Checkpoint]


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of a study; plain data, as workers are given it.

    Attributes:
        folder: where they lie; made when it is needed.
        source: the data that is trained on.
        after: seconds of training from which on there are checkpoints; less is trained again.
    """

    folder: Path
    source: Data
    after: float = _MINUTE

    def by_epoch(self, specs: Sequence[TrialSpec]) -> Iterator[ResumeGroup]:
        """Trials that can resume after the same epoch, the first one's first."""
        latest = {spec.key: self.latest(spec) for spec in specs}
        epochs = {key: newest.epochs if newest else 0 for key, newest in latest.items()}
        for epoch in dict.fromkeys(epochs.values()):
            alike = tuple(spec for spec in specs if epochs[spec.key] == epoch)
            newest_of = {spec.key: latest[spec.key] for spec in alike}
            yield ResumeGroup(alike, {key: one for key, one in newest_of.items() if one})

    def latest(self, spec: TrialSpec) -> Checkpoint | None:
        """The newest of a trial that is whole; what is damaged is told, and removed."""
        for path in self._files(spec):
            if checkpoint := _read(path, spec.key):
                return checkpoint
            to_stderr(f"moe-search: {path} is damaged; trains what it held again")
            _unlink(path)
        return None

    def write(self, spec: TrialSpec, checkpoint: Checkpoint) -> None:
        """Write a trial's newest, whole or not at all, and remove all but the last two.

        Raises:
            OSError: it cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        content = _content(checkpoint)
        start = f"{self._start(spec)}-{checkpoint.epochs:06d}"
        part = self.folder / f"{start}.{os.getpid()}.part"
        try:
            part.write_bytes(content)
            part.replace(self.folder / f"{start}-{_digest(content)}{_SUFFIX}")
        finally:
            part.unlink(missing_ok=True)
        for old in self._files(spec)[_KEPT:]:
            _unlink(old)

    def remove(self, spec: TrialSpec) -> None:
        """Remove those of a training whose trial has ended."""
        for path in self._files(spec):
            _unlink(path)

    def clear(self) -> None:
        """Remove all, with what was half-written."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _files(self, spec: TrialSpec) -> list[Path]:
        """Those of a training, the newest first."""
        start = self._start(spec)
        return sorted(self.folder.glob(f"{start}-*{_SUFFIX}"), reverse=True)

    def _start(self, spec: TrialSpec) -> str:
        """What the names of a training's files begin with."""
        trained = spec.configuration.model_dump_json(), spec.seed, spec.on_all
        decisive = version("moe-search"), repr(self.source), *trained
        return _digest(json.dumps(decisive).encode())


def _content(checkpoint: Checkpoint) -> bytes:
    snapshot = checkpoint.snapshot
    arrays = {
        f"{part}/{name}": array
        for part, state in {
            _WEIGHTS: snapshot.weights,
            _BEST: checkpoint.best or {},
            **snapshot.optimizer,
        }.items()
        for name, array in state.items()
    }
    facts = {
        "epochs": checkpoint.epochs,
        "seconds": checkpoint.seconds,
        "history": [
            [report.metrics, report.training_loss, report.usage_M.tolist()]
            for report in checkpoint.history
        ],
    }
    return bytes(save(arrays, {name: json.dumps(value) for name, value in facts.items()}))


def _read(path: Path, key: int) -> Checkpoint | None:
    """What a file holds, as that of the trial with a key; None if it is damaged."""
    try:
        if not path.stem.endswith(_digest(path.read_bytes())):
            return None
        with safe_open(path, framework="numpy") as file:
            facts = {name: json.loads(value) for name, value in file.metadata().items()}
            states: dict[str, State] = {}
            for full in file.keys():  # noqa: SIM118
                part, name = full.split("/")
                states.setdefault(part, {})[name] = file.get_tensor(full)
    except (OSError, SafetensorError):
        return None
    history = tuple(
        EpochReport(key, epoch, metrics, loss, np.array(usage))
        for epoch, (metrics, loss, usage) in enumerate(facts["history"], start=1)
    )
    weights, best = states.pop(_WEIGHTS), states.pop(_BEST, None)
    snapshot = Snapshot(weights, states)
    return Checkpoint(facts["epochs"], history, facts["seconds"], snapshot, best)


def _unlink(path: Path) -> None:
    """Remove a file if that can be; one that stays harms nobody."""
    with suppress(OSError):
        path.unlink()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGITS]


def to_stderr(line: str) -> None:
    """Print one line to stderr: what has gone wrong in a worker, and ends no trial."""
    print(line, file=sys.stderr, flush=True)
