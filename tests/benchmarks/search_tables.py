"""Makes the tables of real results on which search.py replays searches.

A table holds the metrics on validation of every configuration of a design, every seed and every
epoch. ``python tests/benchmarks/search_tables.py digits 512 16`` trains 512 configurations from 16
seeds each, on one worker. What a population of models gave is on the disk as soon as they are
trained: the same command goes on where it ended. It writes the table at its end; ``--pack`` writes
it from what there is.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.replay.design import Points, design, values_at
from benchmarks.replay.table import SCALES, TABLES, Table

from moe_search.data import load
from moe_search.engine.checkpoints import Checkpoints
from moe_search.engine.trial import EpochReport, Job, TrialSpec
from moe_search.moe.architecture import Architecture
from moe_search.search.executors.base import Plan
from moe_search.search.executors.local import LocalExecutor
from moe_search.spec import Configuration, Study, resolve_backbone
from moe_search.spec.file.load import load_study

POPULATION = 32
FOLDER = Path(tempfile.gettempdir()) / "search-tables"


def jobs(study: Study, cube_CD: Points, seeds: int) -> Iterator[Job]:
    """Populations of one seed and one gate; every configuration from a seed before the next."""
    data = load(study.source)

    def architecture(configuration: Configuration) -> Architecture:
        classes = len(data.classes)
        backbone = resolve_backbone(configuration.model, study.source.preset, data.shape, classes)
        return Architecture.of(configuration, backbone, data.shape, classes)

    configurations = [study.configuration(values_at(study, point_D)) for point_D in cube_CD]
    order = sorted(
        range(len(configurations)), key=lambda n: (n // 64, configurations[n].model.gate, n)
    )
    for seed in range(seeds):
        for _, group in groupby(order, lambda n: (n // 64, configurations[n].model.gate)):
            keys = list(group)
            for start in range(0, len(keys), POPULATION):
                chosen = keys[start : start + POPULATION]
                specs = tuple(TrialSpec(key, configurations[key], seed) for key in chosen)
                yield Job(specs, architecture(specs[0].configuration), study.source)


def chunk_of(folder: Path, job: Job) -> Path:
    """Where the results of a job lie."""
    return folder / f"{job.trials[0].seed:02}-{job.trials[0].key:04}-{len(job.trials)}.npz"


def train(study: Study, waiting: list[Job], folder: Path) -> None:
    """Train each job, and keep its metrics [trial, epoch, metric]; NaN where a training failed."""
    plan = Plan(("cpu",), POPULATION)
    with (
        tempfile.TemporaryDirectory() as scratch,
        LocalExecutor(
            plan, load(study.source), Checkpoints(Path(scratch), study.source, after=np.inf)
        ) as executor,
    ):
        for done, job in enumerate(waiting, 1):
            results = run(executor, job)
            keys = np.array([spec.key for spec in job.trials])
            partial = folder / "partial.npz"
            np.savez(partial, keys=keys, metrics=results)
            partial.rename(chunk_of(folder, job))
            print(f"{study.name}: {done} of {len(waiting)} populations", flush=True)


def run(executor: LocalExecutor, job: Job) -> npt.NDArray[np.float32]:
    """The metrics of one job."""
    epochs = job.trials[0].configuration.training.epochs
    rows = {spec.key: row for row, spec in enumerate(job.trials)}
    results = np.full((len(rows), epochs, len(SCALES)), np.nan, dtype=np.float32)
    executor.submit(job)
    while not executor.idle:
        for event in executor.events(timeout=1.0):
            if isinstance(event, EpochReport):
                metrics = [event.metrics[name] for name in SCALES]
                results[rows[event.key], event.epoch - 1] = metrics
    return results


def pack(study: Study, cube_CD: Points, seeds: int, folder: Path) -> Table:
    """The table of all seeds of which every configuration is trained."""
    epochs = study.configuration(values_at(study, cube_CD[0])).training.epochs
    shape = (len(cube_CD), seeds, epochs, len(SCALES))
    metrics = np.full(shape, np.nan, dtype=np.float32)
    trained = np.zeros(shape[:2], dtype=bool)
    for job in jobs(study, cube_CD, seeds):
        chunk, seed = chunk_of(folder, job), job.trials[0].seed
        if chunk.exists():
            with np.load(chunk) as kept:
                metrics[kept["keys"], seed] = kept["metrics"]
                trained[kept["keys"], seed] = True
    whole = trained.all(axis=0)
    needed = study.objective.maximize or {}
    kept = {name: metrics[:, whole][..., k] for k, name in enumerate(SCALES) if name in needed}
    return Table(study, cube_CD, kept)


def main() -> None:
    """Train what is missing, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("table", choices=sorted(path.stem for path in TABLES.glob("*.yaml")))
    parser.add_argument("configurations", type=int)
    parser.add_argument("seeds", type=int)
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()) / "search-tables"
    )
    parser.add_argument("--pack", action="store_true", help="train nothing")
    arguments = parser.parse_args()
    study = load_study(TABLES / f"{arguments.table}.yaml")
    cube_CD = design(study, arguments.configurations)
    folder = arguments.folder / f"{study.name}-{len(cube_CD)}"
    folder.mkdir(parents=True, exist_ok=True)
    if not arguments.pack:
        every = jobs(study, cube_CD, arguments.seeds)
        train(study, [job for job in every if not chunk_of(folder, job).exists()], folder)
    table = pack(study, cube_CD, arguments.seeds, folder)
    shape = "x".join(map(str, table.objective_CST.shape))
    path = table.save()
    print(f"{path}: configurations x seeds x epochs {shape}, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
