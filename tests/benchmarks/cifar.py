"""Time of one training step of the paper's CIFAR-100 networks, 20 experts, batch 256, float32.

(b) careful: tensors in memory, one module per network, torch's fused Adam;
(c) moe-search: the same networks stacked, with compiled convolutions.

Run ``python tests/benchmarks/cifar.py`` on a machine with memory for one model a core (4 GB each).
A step is forward, loss, backward and Adam. One process a core with one thread, all at the same
time, takes steps of both ways in turn, each way from the same weights on the same batches; the loss
of every step agrees. Times are the least of all steps, in seconds of processor time, which on a
quiet machine is wall time. The multiply-adds are those of the formulas; (c) makes fewer, see
``moe_search/ops/winograd.py``.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.workloads import passes
from support.reference_model import PlainMixture, layer_list, mixture_loss

from moe_search.engine.hardware import Hardware
from moe_search.engine.population import Population
from moe_search.engine.resident import samples_last
from moe_search.engine.stages import stages
from moe_search.engine.trial import TrialSpec
from moe_search.moe.architecture import Architecture
from moe_search.search.executors.base import ENVIRONMENT
from moe_search.spec import PRESETS, Configuration

NETWORKS = {"cifar100_conv6": "six convolutions", "cifar100": "four convolutions"}
SHAPE, CLASSES, EXPERTS, BATCH = (3, 32, 32), 100, 20, 256
LR, DECAY = 1e-3, 1e-3
STEPS = 6
CORES = len(os.sched_getaffinity(0))


def population(preset: str) -> Population:
    """One model as moe-search trains it."""
    configuration = Configuration.model_validate(
        {
            "model": {"experts": EXPERTS, "backbone": preset},
            "training": {"batch_size": BATCH, "lr": LR, "weight_decay": DECAY},
        }
    )
    shared = Architecture.of(configuration, PRESETS[preset], SHAPE, CLASSES)
    stage, *_ = stages(configuration)
    trial = TrialSpec(0, configuration, seed=0)
    return Population([trial], shared, stage, Hardware(torch.device("cpu"), fused=True))


def plain_step(preset: str, start: Population) -> Callable[[Tensor, Tensor], float]:
    """A step of one module per network, from the weights of another model."""
    backbone = PRESETS[preset]
    bodies = layer_list(backbone.expert), layer_list(backbone.gate)
    model = PlainMixture(*bodies, SHAPE, CLASSES, EXPERTS)
    model.load(start.state_of(0))
    adam = torch.optim.Adam(model.parameters(), lr=LR, weight_decay=DECAY, fused=True)

    def step(x: Tensor, y: Tensor) -> float:
        loss, _ = mixture_loss(model, x, y)
        adam.zero_grad()
        torch.autograd.backward(loss)
        adam.step()
        return loss.item()

    return step


def timed(clock: Callable[[], float], step: Callable[[], object]) -> float:
    """Seconds of one call."""
    started = clock()
    step()
    return clock() - started


def steps(preset: str) -> dict[str, float]:
    """Both ways in turn on one thread: seconds of each, and the peak in multiply-adds a second.

    The peak is that of a large product by torch or by NumPy, whichever is faster on this machine.
    """
    torch.set_num_threads(1)
    ours = population(preset)
    plain = plain_step(preset, ours)
    random = torch.Generator().manual_seed(0)
    a = torch.randn(1536, 1536)
    best = {"plain": torch.inf, "ours": torch.inf, "torch": torch.inf, "numpy": torch.inf}
    for _ in range(STEPS):
        x = torch.randn(BATCH, *SHAPE, generator=random)
        y = torch.randint(CLASSES, (BATCH,), generator=random)
        losses: dict[str, Any] = {}
        ways: dict[str, Callable[[], object]] = {
            "torch": lambda: a @ a,
            "numpy": lambda: a.numpy() @ a.numpy(),
            "plain": lambda: losses.update(plain=plain(x, y)),  # noqa: B023
            "ours": lambda: losses.update(ours=ours.step(samples_last(x), y).item()),  # noqa: B023
        }
        for name, way in ways.items():
            best[name] = min(best[name], timed(time.process_time, way))
        assert abs(losses["plain"] - losses["ours"]) < 1e-2 * losses["plain"], losses
    peak = len(a) ** 3 / min(best["torch"], best["numpy"])
    return {"plain": best["plain"], "ours": best["ours"], "peak": peak}


def multiply_adds(preset: str) -> float:
    """Multiply-adds of a step: forward, and backward for weights and hidden inputs."""
    expert, _ = passes(PRESETS[preset].expert, SHAPE, CLASSES)
    gate, _ = passes(PRESETS[preset].gate, SHAPE, EXPERTS)
    return BATCH * (EXPERTS * expert + gate)


def report(preset: str) -> None:
    """Run both ways and print what they took."""
    command = [sys.executable, __file__, "--steps-of", preset]
    workers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | ENVIRONMENT)
        for _ in range(CORES)
    ]
    found = [json.loads(worker.communicate()[0]) for worker in workers]
    plain, ours = (max(one[way] for one in found) / CORES for way in ("plain", "ours"))
    peak = sum(one["peak"] for one in found)
    print(f"\n{NETWORKS[preset]} ({preset}), seconds per step and model")
    print(f"  (b) careful      {plain:6.2f}")
    print(f"  (c) moe-search   {ours:6.2f}")
    print(f"  b / c = {plain / ours:.2f}")
    for name, seconds in (("(b)", plain), ("(c)", ours)):
        rate = multiply_adds(preset) / seconds
        share = f"{rate / peak:.0%} of a large product's {peak / 1e9:.0f}"
        print(f"  {name} {rate / 1e9:.0f} G multiply-adds/s, {share}")


def main() -> None:
    """Run everything, or the steps of one network in this process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--steps-of", choices=NETWORKS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.steps_of:
        print(json.dumps(steps(arguments.steps_of)))
        return
    print(f"{CORES} cores, torch {torch.__version__}")
    for preset in NETWORKS:
        report(preset)


if __name__ == "__main__":
    main()
