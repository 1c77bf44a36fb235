"""Time of one trial-epoch (training and validation) of small networks on the CPU, in three ways.

(a) plain: torchvision data set, DataLoader, one module per network, two threads; MNIST alone;
(b) careful: tensors in memory, one module per network; the better of one process with all threads
    and one process a core with one thread each;
(c) moe-search with its default workers and population.

Run ``python tests/benchmarks/throughput.py`` on a quiet machine with MNIST in $MOE_SEARCH_DATA, or
name the workloads (see ``workloads.py``). All ways take turns in this one call, and of several
rounds the least counts; ratios are of wall time per trial-epoch. Compiling is not counted in (c):
each worker does it once. No way is given what another is not: the recipe, the data and the losses
are the same, and the loss per step agrees (tests/engine).
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.workloads import WEIGHT, WORKLOADS, Workload
from support.reference_model import (
    PlainMixture,
    importance_loss,
    layer_list,
    mixture_loss,
    similarity_loss,
)

from moe_search.data import load
from moe_search.engine.checkpoints import Checkpoints
from moe_search.engine.resident import resident
from moe_search.engine.trial import Job, TrialFailure, TrialResult, TrialSpec
from moe_search.moe.architecture import Architecture
from moe_search.search.executors.base import ENVIRONMENT, Plan
from moe_search.search.executors.local import LocalExecutor, plan
from moe_search.spec import Study

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


def fresh(of: Workload) -> tuple[PlainMixture, torch.optim.Adam]:
    """A model and its optimiser."""
    torch.manual_seed(0)
    expert, gate = layer_list(of.backbone.expert), layer_list(of.backbone.gate)
    model = PlainMixture(expert, gate, of.shape, of.classes, of.experts)
    return model, torch.optim.Adam(model.parameters(), lr=1e-3)


def correct(model: PlainMixture, x: Tensor, y: Tensor) -> int:
    """Samples classified correctly."""
    p = model.logits(x).softmax(1)
    mixed = (p.unsqueeze(2) * model.outputs(x)).sum(1)
    return int((mixed.argmax(1) == y).sum())


def plain_seconds(of: Workload, kind: str) -> float:
    """(a): one epoch and one validation pass."""
    from torch.utils.data import DataLoader, Subset
    from torchvision import datasets, transforms

    torch.set_num_threads(CORES)
    steps = [transforms.ToTensor(), transforms.Normalize(0.1307, 0.3081)]
    mnist = datasets.MNIST(os.environ["MOE_SEARCH_DATA"], transform=transforms.Compose(steps))
    training = DataLoader(Subset(mnist, range(of.training)), of.batch, shuffle=True)
    rest = range(of.training, of.training + of.validation)
    validation = DataLoader(Subset(mnist, rest), of.batch)
    model, adam = fresh(of)
    started = time.perf_counter()
    for x, y in training:
        step(model, adam, x, y, kind)
    with torch.no_grad():
        sum(correct(model, x, y) for x, y in validation)
    return time.perf_counter() - started


def careful(folder: Path) -> None:
    """(b): answer each request of stdin with the seconds of an epoch and a validation pass."""
    for of, kind in _requests():
        data = resident(load(of.source(folder)), torch.device("cpu"))
        training, validation = data.train, data.validation
        model, adam = fresh(of)
        for _ in range(3):
            step(model, adam, training.x[: of.batch], training.y[: of.batch], kind)
        with _timed():
            order = torch.randperm(len(training.y))
            for first in range(0, len(training.y), of.batch):
                index = order[first : first + of.batch]
                step(model, adam, training.x[index], training.y[index], kind)
            with torch.no_grad():
                for first in range(0, len(validation.y), of.batch):
                    batch = slice(first, first + of.batch)
                    correct(model, validation.x[batch], validation.y[batch])


def engine(folder: Path) -> None:
    """(c): answer each request of stdin with the seconds of a trial-epoch of default workers."""
    machine = plan(Study.model_validate({"name": "throughput", "data": "mnist"}))
    named, opened = "", ExitStack()
    for of, kind in _requests():
        source = of.source(folder)
        if of.name != named:
            opened.close()
            store = Path(opened.enter_context(TemporaryDirectory()))
            executor = opened.enter_context(
                LocalExecutor(machine, load(source), Checkpoints(store, source))
            )
            named = of.name
        run_jobs(executor, machine, of, folder, kind, epochs=1)
        with _timed(of.epochs * machine.population * len(machine.devices)):
            run_jobs(executor, machine, of, folder, kind, of.epochs)
    opened.close()


def run_jobs(
    executor: LocalExecutor, machine: Plan, of: Workload, folder: Path, kind: str, epochs: int
) -> None:
    """One job on every worker."""
    configuration = of.configuration(kind, epochs)
    shared = Architecture.of(configuration, of.backbone, of.shape, of.classes)
    size, workers = machine.population, len(machine.devices)
    wanted = size * workers
    for worker in range(workers):
        trials = tuple(TrialSpec(worker * size + n, configuration, 0) for n in range(size))
        executor.submit(Job(trials, shared, of.source(folder)))
    ended = 0
    while ended < wanted or executor.idle < workers:
        for event in executor.events(timeout=1.0):
            assert not isinstance(event, TrialFailure), event
            ended += isinstance(event, TrialResult)


def _requests() -> Iterator[tuple[Workload, str]]:
    """What lines of stdin ask for: a workload and a regularizer."""
    while request := sys.stdin.readline().split():
        yield WORKLOADS[request[0]], request[1]


@contextmanager
def _timed(trials: int = 1) -> Iterator[None]:
    """Say that all is ready, begin at a line on stdin, and answer with the seconds of a trial."""
    print("ready", flush=True)
    sys.stdin.readline()
    started = time.perf_counter()
    yield
    print((time.perf_counter() - started) / trials, flush=True)


class Way:
    """Processes that train in one of the ways, all at the same time.

    Args:
        way: ``careful`` or ``engine``.
        folder: of the synthetic data.
        processes: how many there are.
    """

    def __init__(self, way: str, folder: Path, processes: int = 1) -> None:
        script = str(Path(__file__).resolve())
        threads = str(CORES // processes)
        self._processes = [
            subprocess.Popen(
                [sys.executable, script, "--serve", way, str(folder), "--threads", threads],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(processes)
        ]

    def seconds(self, of: Workload, kind: str) -> float:
        """Wall seconds of a trial-epoch."""
        self._tell(f"{of.name} {kind}")
        for ready in self._answers():
            assert ready == "ready", ready
        self._tell("go")
        return max(map(float, self._answers())) / len(self._processes)

    def end(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.communicate()

    def _tell(self, line: str) -> None:
        for process in self._processes:
            assert process.stdin is not None
            print(line, file=process.stdin, flush=True)

    def _answers(self) -> list[str]:
        found = []
        for process in self._processes:
            assert process.stdout is not None
            found.append(process.stdout.readline().strip())
        return found


@contextmanager
def ways(folder: Path) -> Iterator[dict[str, Way]]:
    """Every way by what it is called."""
    with ExitStack() as opened:
        found = {
            f"(b) careful, {n} process(es) x {CORES // n} thread(s)": Way("careful", folder, n)
            for n in sorted({1, CORES})
        }
        found["(c) moe-search"] = Way("engine", folder)
        for way in found.values():
            opened.callback(way.end)
        yield found


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


def peaks_of_workers() -> dict[str, float]:
    """``peaks`` of a process that is as a worker, but has all threads."""
    command = [sys.executable, str(Path(__file__).resolve()), "--peaks"]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(CORES))
    given = os.environ | ENVIRONMENT | threads
    done = subprocess.run(command, env=given, stdout=subprocess.PIPE, text=True, check=True)
    return {name: float(rate) for name, rate in map(str.split, done.stdout.splitlines())}


def measure(of: Workload, kind: str, by_name: dict[str, Way], rounds: int, peak: float) -> None:
    """All ways in turn, and what came of it."""
    rows: dict[str, list[float]] = {name: [] for name in by_name}
    for _ in range(rounds):
        for name, way in by_name.items():
            rows[name].append(way.seconds(of, kind))
    least = {name: min(seconds) for name, seconds in rows.items()}
    if of.name == "mnist":
        least = {"(a) plain": plain_seconds(of, kind)} | least
    print(f"\n{of.name}, L_{kind}, seconds per trial-epoch, the least of {rounds}")
    for name, seconds in least.items():
        print(f"  {name:<45}{seconds:9.4f}")
    ours = least.pop("(c) moe-search")
    best = min(seconds for name, seconds in least.items() if name.startswith("(b)"))
    others = {name: seconds for name, seconds in least.items() if not name.startswith("(b)")}
    for name, seconds in ({"the better (b)": best} | others).items():
        print(f"  {name} / (c) = {seconds / ours:.2f}")
    rate = of.multiply_adds / ours
    print(f"  (c) reaches {rate / 1e9:.1f} G multiply-adds/s, {rate / peak:.0%} of the peak")


def compare(workloads: Sequence[Workload], rounds: int) -> None:
    """Measure and print everything."""
    print(f"{CORES} cores, torch {torch.__version__}")
    found = peaks_of_workers()
    rates = ", ".join(f"{name}'s {rate / 1e9:.1f}" for name, rate in found.items())
    print(f"peak of a large product, G multiply-adds/s: {rates}")
    with TemporaryDirectory() as folder:
        for of in workloads:
            of.write(Path(folder))
        with ways(Path(folder)) as by_name:
            for of in workloads:
                for kind in of.kinds:
                    measure(of, kind, by_name, rounds, max(found.values()))


def main() -> None:
    """Serve requests, or ask for everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=", ".join(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=3, help="of which the least counts")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--peaks", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peaks:
        for name, rate in peaks().items():
            print(name, rate)
    elif arguments.serve:
        torch.set_num_threads(arguments.threads)
        serve = {"careful": careful, "engine": engine}[arguments.serve[0]]
        serve(Path(arguments.serve[1]))
    else:
        named = [WORKLOADS[name] for name in arguments.workloads or WORKLOADS]
        compare(named, arguments.rounds)


if __name__ == "__main__":
    main()
