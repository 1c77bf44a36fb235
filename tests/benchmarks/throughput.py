"""Time of one trial-epoch (training and validation) of the paper's MNIST network, three ways.

5 experts, batch 512, 50,000 training and 10,000 validation images, float32, on the CPU:

(a) plain: torchvision data set, DataLoader, one module per network, two threads;
(b) careful: tensors in memory, one module per network; the better of one process with all threads
    and one process a core with one thread each;
(c) moe-search with its default workers and population.

Run ``python tests/benchmarks/throughput.py`` on a quiet machine with MNIST in $MOE_SEARCH_DATA.
All ways run in this one call; ratios are of wall time per trial-epoch. Compiling is not counted in
(c): it happens once a machine (the cache is on disk). No way is given what another is not: the
recipe, the data and the losses are the same, and the loss per step agrees (tests/engine).
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.reference_model import PlainMixture, importance_loss, mixture_loss, similarity_loss

from moe_search.data import load
from moe_search.engine.checkpoints import Checkpoints
from moe_search.engine.resident import resident
from moe_search.engine.trial import Job, TrialFailure, TrialResult, TrialSpec
from moe_search.moe.architecture import Architecture
from moe_search.search.executors.base import ENVIRONMENT
from moe_search.search.executors.local import LocalExecutor, plan
from moe_search.spec import PRESETS, Configuration, Data, Study

EXPERT = [{"conv": 1}, "relu", {"max_pool": 2}, {"linear": 5}, "relu", {"linear": 32}]
GATE = [{"conv": 1}, "relu", {"max_pool": 2}, {"linear": 128}, "relu", {"linear": 32}]
EXPERTS, CLASSES, BATCH, TRAINING, VALIDATION = 5, 10, 512, 50_000, 10_000
REGULARIZERS = ("importance", "similarity")
WEIGHT = 0.2
EPOCHS = 8  # of (c), after one that is not counted
CORES = len(os.sched_getaffinity(0))


def step(model: PlainMixture, adam: torch.optim.Adam, x: Tensor, y: Tensor, kind: str) -> None:
    """One training step of the plain and the careful way."""
    loss, p = mixture_loss(model, x, y)
    if kind == "importance":
        loss = loss + WEIGHT * importance_loss(p)
    else:
        loss = loss + similarity_loss(p, x, WEIGHT / len(x) ** 2, 1e-6)
    adam.zero_grad()
    torch.autograd.backward(loss)
    adam.step()


def fresh() -> tuple[PlainMixture, torch.optim.Adam]:
    """A model and its optimiser."""
    torch.manual_seed(0)
    model = PlainMixture(EXPERT, GATE, (1, 28, 28), CLASSES, EXPERTS)
    return model, torch.optim.Adam(model.parameters(), lr=1e-3)


def correct(model: PlainMixture, x: Tensor, y: Tensor) -> int:
    """Samples classified correctly."""
    p = model.logits(x).softmax(1)
    mixed = (p.unsqueeze(2) * model.outputs(x)).sum(1)
    return int((mixed.argmax(1) == y).sum())


def plain_seconds(kind: str) -> float:
    """(a): one epoch and one validation pass."""
    from torch.utils.data import DataLoader, Subset
    from torchvision import datasets, transforms

    torch.set_num_threads(CORES)
    steps = [transforms.ToTensor(), transforms.Normalize(0.1307, 0.3081)]
    mnist = datasets.MNIST(os.environ["MOE_SEARCH_DATA"], transform=transforms.Compose(steps))
    training = DataLoader(Subset(mnist, range(TRAINING)), BATCH, shuffle=True)
    validation = DataLoader(Subset(mnist, range(TRAINING, TRAINING + VALIDATION)), BATCH)
    model, adam = fresh()
    started = time.perf_counter()
    for x, y in training:
        step(model, adam, x, y, kind)
    with torch.no_grad():
        sum(correct(model, x, y) for x, y in validation)
    return time.perf_counter() - started


def careful_seconds(kind: str, threads: int) -> float:
    """(b): one epoch and one validation pass in this process, begun at a line on stdin."""
    torch.set_num_threads(threads)
    data = resident(load(Data(name="mnist", validation=VALIDATION)), torch.device("cpu"))
    model, adam = fresh()
    for _ in range(3):
        step(model, adam, data.train.x[:BATCH], data.train.y[:BATCH], kind)
    print("ready", flush=True)
    sys.stdin.readline()
    started = time.perf_counter()
    order = torch.randperm(TRAINING)
    for first in range(0, TRAINING, BATCH):
        index = order[first : first + BATCH]
        step(model, adam, data.train.x[index], data.train.y[index], kind)
    with torch.no_grad():
        for first in range(0, VALIDATION, BATCH):
            batch = slice(first, first + BATCH)
            correct(model, data.validation.x[batch], data.validation.y[batch])
    return time.perf_counter() - started


def careful_per_trial(kind: str, processes: int) -> float:
    """(b) in one or more processes that start together: wall seconds per trial-epoch."""
    script, threads = str(Path(__file__).resolve()), str(CORES // processes)
    command = [sys.executable, script, "--careful", kind, "--threads", threads]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    for process in running:
        assert process.stdout is not None
        process.stdout.readline()
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return max(float(process.communicate()[0]) for process in running) / processes


def engine_per_trial(kinds: tuple[str, ...]) -> dict[str, float]:
    """(c): wall seconds per trial-epoch of the default workers, each with a full population."""
    machine = plan(Study.model_validate({"name": "throughput", "data": "mnist"}))
    source = Data(name="mnist", validation=VALIDATION)
    found = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalExecutor(machine, load(source), Checkpoints(Path(folder), source)) as executor,
    ):
        for kind in kinds:
            run_jobs(executor, source, kind, machine.population, epochs=1)
            seconds = run_jobs(executor, source, kind, machine.population, EPOCHS)
            found[kind] = seconds / (EPOCHS * machine.population * executor.workers)
    return found


def run_jobs(executor: "LocalExecutor", source: "Data", kind: str, size: int, epochs: int) -> float:
    """Wall seconds of one job on every worker."""

    configuration = Configuration.model_validate(
        {
            "model": {"experts": EXPERTS},
            "regularizer": {"kind": kind, "weight": WEIGHT},
            "training": {"epochs": epochs, "batch_size": BATCH},
        }
    )
    shared = Architecture.of(configuration, PRESETS["mnist"], (1, 28, 28), CLASSES)
    wanted = size * executor.workers
    started = time.perf_counter()
    for worker in range(executor.workers):
        trials = tuple(TrialSpec(worker * size + n, configuration, 0) for n in range(size))
        executor.submit(Job(trials, shared, source))
    ended = 0
    while ended < wanted or executor.idle < executor.workers:
        for event in executor.events(timeout=1.0):
            assert not isinstance(event, TrialFailure), event
            ended += isinstance(event, TrialResult)
    return time.perf_counter() - started


def multiply_adds() -> float:
    """Multiply-adds of a trial-epoch: forward, and backward for weights and hidden inputs."""
    convolution = 26 * 26 * 9
    expert = 169 * 5 + 5 * 32 + 32 * CLASSES
    gate = 169 * 128 + 128 * 32 + 32 * EXPERTS
    dense = EXPERTS * expert + gate
    stems = (EXPERTS + 1) * convolution
    return TRAINING * (3 * dense + 2 * stems) + VALIDATION * (dense + stems)


def peaks() -> dict[str, float]:
    """Multiply-adds a second of a large float32 product on all cores, by torch and by NumPy."""
    torch.set_num_threads(CORES)
    a = torch.randn(2048, 2048)
    found = {}
    for name, factor in (("torch", a), ("NumPy", a.numpy())):
        seconds = []
        for _ in range(10):
            started = time.perf_counter()
            factor @ factor
            seconds.append(time.perf_counter() - started)
        found[name] = 2048**3 / min(seconds)
    return found


def peaks_of_workers() -> str:
    """``peaks`` of a process that is as a worker, but has all threads."""
    command = [sys.executable, str(Path(__file__).resolve()), "--peaks"]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(CORES))
    given = os.environ | ENVIRONMENT | threads
    done = subprocess.run(command, env=given, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def main() -> None:
    """Run one careful process, or everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--careful", choices=REGULARIZERS, help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--peaks", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.careful:
        print(careful_seconds(arguments.careful, arguments.threads), flush=True)
        return
    if arguments.peaks:
        print(", ".join(f"{name}'s {rate / 1e9:.1f}" for name, rate in peaks().items()))
        return
    print(f"{CORES} cores, torch {torch.__version__}")
    print(f"peak of a large product, G multiply-adds/s: {peaks_of_workers()}")
    engine = engine_per_trial(REGULARIZERS)
    for kind in REGULARIZERS:
        plain = plain_seconds(kind)
        careful = {n: careful_per_trial(kind, n) for n in sorted({1, CORES})}
        best = min(careful.values())
        print(f"\nL_{kind}, seconds per trial-epoch")
        print(f"  (a) plain                                   {plain:8.3f}")
        for n, seconds in careful.items():
            print(f"  (b) careful, {n} process(es) x {CORES // n} thread(s)     {seconds:8.3f}")
        rate = multiply_adds() / engine[kind] / 1e9
        print(f"  (c) moe-search                              {engine[kind]:8.3f}")
        print(f"  a / c = {plain / engine[kind]:.1f}   b / c = {best / engine[kind]:.1f}")
        print(f"  (c) reaches {rate:.1f} G multiply-adds/s")


if __name__ == "__main__":
    main()
