"""From files to training: seconds to the first step, peak memory, samples a second of an epoch.

A table of 1,000,000 rows x 50 columns of numbers (CSV), and 60,000 JPEG images in a folder a class,
three ways, each in a process of its own, one after the other in this one call:

(a) plain: pandas and a TensorDataset, or one file a sample through Pillow, with torch's DataLoader;
(b) ours: ``load`` of moe-search, and a training as a worker does it, of one model;
(c) ours, 8: the same with the eight models that a worker trains in step by default; a sample counts
    once for each of them.

Both split, normalise by mean and SD of the training split (of images (a) reads them once for that),
train the same small dense network with Adam in batches as large, one thread each for arithmetic,
and validate after every epoch. The network is small, so that it is the data that is measured. The
first step counts from the start of the process; operations are compiled while the data is read, as
in a worker. The epoch is the mean of those after the first, its samples those of training and
validation. Memory is the process's own, without (a)'s processes that read images. (a) reads images
with as many workers as there are cores; of the table with none, which is its faster way.

Run ``python tests/benchmarks/data.py`` on a quiet machine; ``--share 0.1`` takes a tenth of both.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

STARTED = time.time()
ROWS, COLUMNS, IMAGES, CLASSES = 1_000_000, 50, 60_000, 10
FILE_SIDE, SIDE = 64, 32  # of images as files, and as they are trained on
BATCH, EPOCHS, POPULATION = 512, 3, 8
SHARE = 0.2  # held out for the test, and of the rest for validation
HIDDEN = [{"linear": 32}, "relu", {"linear": 16}]
CORES = len(os.sched_getaffinity(0))


def write_table(folder: Path, rows: int) -> None:
    """Numbers of which the first ones tell the class."""
    import pyarrow as pa
    from pyarrow import csv

    rng = np.random.default_rng(0)
    label = rng.integers(0, CLASSES, rows)
    columns = {f"f{n}": rng.normal(label * (n < 5), 1).round(5) for n in range(COLUMNS)}
    csv.write_csv(pa.table({**columns, "label": label}), folder / "table.csv")


def write_image(folder: Path, number: int) -> None:
    """Soft colours, brighter by class."""
    from PIL import Image

    label = number % CLASSES
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 56, (8, 8, 3), np.uint8) + np.uint8(20 * label)
    file = folder / "images" / str(label) / f"{number:05}.jpg"
    Image.fromarray(pixels).resize((FILE_SIDE,) * 2).save(file, quality=90)


def write_images(folder: Path, count: int) -> None:
    """A folder a class."""
    for label in range(CLASSES):
        (folder / "images" / str(label)).mkdir(parents=True)
    with ProcessPoolExecutor() as pool:
        list(pool.map(partial(write_image, folder), range(count), chunksize=500))


class Clock:
    """When the first step was done, and how long each epoch took."""

    def __init__(self) -> None:
        self.first_step = 0.0
        self.epochs: list[float] = []
        self._began = 0.0

    def step(self) -> None:
        """A step was done."""
        self.first_step = self.first_step or time.time() - STARTED

    def epoch(self) -> None:
        """An epoch begins, or the last has ended."""
        now = time.time()
        if self._began:
            self.epochs.append(now - self._began)
        self._began = now


def ours(what: str, folder: Path, clock: Clock, models: int = 1) -> tuple[int, float]:
    """(b) and (c): samples of an epoch, and the validation accuracy."""
    import torch

    from moe_search.data import load
    from moe_search.engine.hardware import hardware_for
    from moe_search.engine.population import Population
    from moe_search.engine.resident import resident
    from moe_search.engine.train import Caller, Trainer
    from moe_search.engine.trial import EpochReport, Job, TrialSpec
    from moe_search.moe.architecture import Architecture
    from moe_search.spec import Configuration, Data, resolve_backbone

    torch.set_num_threads(1)
    beside = ThreadPoolExecutor(1)  # a worker compiles while its data is read, too
    hardware = beside.submit(hardware_for, torch.device("cpu"))
    options: dict[str, Any] = (
        {"name": "table", "path": folder / "table.csv", "label": "label"}
        if what == "table"
        else {"name": "image_folder", "path": folder / "images", "image_size": SIDE}
    )
    source = Data.model_validate(options).placed(folder)
    data = resident(load(source), torch.device("cpu"))
    configuration = Configuration.model_validate(
        {
            "model": {"kind": "single", "backbone": {"expert": HIDDEN, "gate": HIDDEN}},
            "training": {"epochs": EPOCHS, "batch_size": BATCH},
        }
    )
    networks = resolve_backbone(configuration.model, source.preset, data.shape, data.classes)
    architecture = Architecture.of(configuration, networks, data.shape, data.classes)
    specs = tuple(TrialSpec(key, configuration, 0) for key in range(models))
    job = Job(specs, architecture, source)
    accuracies = []

    def report(said: object) -> None:
        if isinstance(said, EpochReport):
            accuracies.append(said.metrics["accuracy"])
            if said.key == models - 1:
                clock.epoch()

    step: Callable[..., Any] = Population.step

    def timed(*given: Any) -> Any:
        found = step(*given)
        clock.step()
        return found

    setattr(Population, "step", timed)  # noqa: B010
    clock.epoch()
    Trainer(job, data, hardware.result()[0], Caller(report)).run()
    return models * (len(data.train.y) + len(data.validation.y)), accuracies[-1]


def plain(what: str, folder: Path, clock: Clock) -> tuple[int, float]:
    """(a): samples of an epoch, and the validation accuracy."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    train, validation, shape = (plain_table if what == "table" else plain_images)(folder)
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from support.reference_model import PlainNetwork

    model = PlainNetwork(HIDDEN, shape, CLASSES)
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    accuracy = 0.0
    clock.epoch()
    for _ in range(EPOCHS):
        for x, y in train():
            adam.zero_grad()
            torch.autograd.backward(torch.nn.functional.cross_entropy(model(x), y))
            adam.step()
            clock.step()
        with torch.no_grad():
            right = [(model(x).argmax(1) == y) for x, y in validation()]
        accuracy = float(torch.cat(right).float().mean())
        clock.epoch()
    return len(train) + len(validation), accuracy


class Batches:
    """A DataLoader's batches; normalised, where that is left to do, with as many samples."""

    def __init__(self, loader: Any, normalised: Callable[[Any], Any] = lambda x: x) -> None:
        self._loader, self._normalised = loader, normalised

    def __len__(self) -> int:
        return len(self._loader.dataset)

    def __call__(self) -> Iterator[tuple[Any, Any]]:
        return ((self._normalised(x), y) for x, y in self._loader)


def split(labels: Any) -> tuple[Any, Any]:
    """Indices of the training and the validation split."""
    from sklearn.model_selection import train_test_split

    rest, _ = train_test_split(np.arange(len(labels)), test_size=SHARE, stratify=labels)
    training, validation = train_test_split(rest, test_size=SHARE, stratify=labels[rest])
    return training, validation


def plain_table(folder: Path) -> tuple[Batches, Batches, tuple[int, ...]]:
    """A table through pandas."""
    import pandas as pd
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    frame = pd.read_csv(folder / "table.csv")
    y = frame.pop("label").to_numpy()
    parts = split(y)
    mean, std = frame.iloc[parts[0]].mean(), frame.iloc[parts[0]].std()
    found = []
    for part, shuffle in zip(parts, (True, False), strict=True):
        x = ((frame.iloc[part] - mean) / std).to_numpy(np.float32, copy=True)
        samples = TensorDataset(torch.from_numpy(x), torch.tensor(y[part]))
        found.append(Batches(DataLoader(samples, BATCH, shuffle=shuffle)))
    return found[0], found[1], (COLUMNS,)


def pixels(file: Path) -> Any:
    """One image as a tensor [C, H, W] in 0..1."""
    import torch
    from PIL import Image

    with Image.open(file) as image:
        small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(small)).permute(2, 0, 1).float().div(255)


class Files:
    """Images as files, for a DataLoader, of which this is as much as it asks of a Dataset."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._files = list(files)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, number: int) -> tuple[Any, int]:
        file = self._files[number]
        return pixels(file), int(file.parent.name)


def plain_images(folder: Path) -> tuple[Batches, Batches, tuple[int, ...]]:
    """Images read by worker processes, in every epoch."""
    import torch
    from torch.utils.data import DataLoader

    given: Any = Files  # which need not inherit from Dataset
    files = np.array(sorted((folder / "images").rglob("*.jpg")), object)
    parts = split(np.array([int(file.parent.name) for file in files]))
    loaders: list[Any] = [
        DataLoader(given(files[part]), BATCH, shuffle=shuffle, num_workers=CORES)
        for part, shuffle in zip(parts, (True, False), strict=True)
    ]
    count, total, squares = 0, torch.zeros(3), torch.zeros(3)
    for x, _ in loaders[0]:
        count += x.numel() // x.shape[1]
        total += x.sum((0, 2, 3))
        squares += x.square().sum((0, 2, 3))
    mean = total / count
    std = (squares / count - mean**2).sqrt()

    def normalised(x: Any) -> Any:
        return (x - mean.view(-1, 1, 1)) / std.view(-1, 1, 1)

    return Batches(loaders[0], normalised), Batches(loaders[1], normalised), (3, SIDE, SIDE)


def peak() -> int:
    """The most memory that this process had, MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1000


def measure(way: str, what: str, folder: Path) -> None:
    """Prints one way's numbers as JSON."""
    clock = Clock()
    ways: dict[str, Callable[[str, Path, Clock], tuple[int, float]]]
    ways = {"plain": plain, "ours": ours, "ours, 8": partial(ours, models=POPULATION)}
    samples, accuracy = ways[way](what, folder, clock)
    later = sum(clock.epochs[1:]) / len(clock.epochs[1:])
    found = {
        "first step": round(clock.first_step, 1),
        "MB": peak(),
        "samples/s": round(samples / later),
        "accuracy": round(accuracy, 4),
    }
    print(json.dumps(found))


def main() -> None:
    """Makes the data, and measures all ways on both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--one", nargs=3, metavar=("WAY", "WHAT", "FOLDER"))
    given = parser.parse_args()
    if given.one:
        way, what, folder = given.one
        measure(way, what, Path(folder))
        return
    from moe_search.ops.compile import uncompiled

    print(f"compiled: {uncompiled() or 'yes'}")
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        write_table(Path(folder), round(ROWS * given.share))
        write_images(Path(folder), round(IMAGES * given.share))
        for what in ("table", "images"):
            for way in ("plain", "ours", "ours, 8"):
                command = [sys.executable, __file__, "--one", way, what, folder]
                done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
                print(f"{what:8}{way:8}{done.stdout.splitlines()[-1]}", flush=True)


if __name__ == "__main__":
    main()
