"""A GPU beside the CPU: whether it trains the same models, and how fast it does.

Losses: every gate, output rule, term, layer and optimizer takes steps from the same weights on the
same batches, on the CPU one operation after another and on the device as a worker would. Company:
the same model on the device alone and among others. Both print the largest difference relative to
the loss, in the first steps and in all; the former must stay below ``TOLERANCE``, for later ones
grow out of rounding, and where experts are chosen they may part at any step.

Speed: seconds of one trial-epoch of training, at populations that grow until memory ends, beside
(a) plain: torch's DataLoader over samples in memory, one module per network;
(b) careful: all samples on the device, one module per network.
Images are random ones of the shapes of MNIST and CIFAR-100, so no data set is needed; nothing but
moe-search, torch and what they need has to be installed.

Run ``python tests/benchmarks/gpu.py`` where there is a GPU, or ``--device cpu --small`` anywhere.
The exit status is 1 where losses differ.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.workloads import WEIGHT, WORKLOADS, Workload
from support.layer_examples import example
from support.reference_model import PlainMixture, importance_loss, layer_list, mixture_loss
from support.small_trials import CLASSES, Batch, batches

from moe_search.engine.hardware import Hardware, hardware_for
from moe_search.engine.population import Population
from moe_search.engine.resident import samples_last
from moe_search.engine.stages import stages
from moe_search.engine.trial import TrialSpec
from moe_search.moe.architecture import Architecture
from moe_search.spec import PRESETS, Configuration, resolve_backbone
from moe_search.spec.kinds.gates import GATES
from moe_search.spec.kinds.layers import LAYERS
from moe_search.spec.kinds.optimizers import OPTIMIZERS
from moe_search.spec.kinds.outputs import OUTPUTS
from moe_search.spec.kinds.terms import TERMS

TOLERANCE = 1e-3  # of a loss, in the first steps
FIRST = 10
BATCH = 32
SHAPE = (2, 12, 12)
EAGER = Hardware(torch.device("cpu"))


CIFAR100 = Workload("cifar100", (3, 32, 32), 100, 20, PRESETS["cifar100"], 256, 45_000, 5_000, 1)


@dataclass(frozen=True)
class Size:
    """How much is done.

    Attributes:
        steps: of each training whose losses are compared.
        populations: how many models train in step, where speed is measured.
        workloads: that are timed.
        timed: steps that are timed, after as many that are not.
    """

    steps: int
    populations: tuple[int, ...]
    workloads: tuple[Workload, ...]
    timed: int


WHOLE = Size(
    100, (1, 8, 64, 256), (WORKLOADS["mnist"], WORKLOADS["embeddings"], CIFAR100), timed=20
)
SMALL = Size(2, (1, 2), (WORKLOADS["digits"],), timed=1)


def cases() -> Iterator[tuple[str, Configuration]]:
    """A configuration of every member of the sets that the engine is made of."""
    for gate in GATES:
        yield f"gate {gate}", configuration(model={"gate": gate})
    for output in OUTPUTS.names(lambda rule: rule.chosen):
        yield f"output {output}", configuration(model={"output": output, "top_k": 2})
    routed = {"gate": "noisy", "output": "top_k", "top_k": 2}
    for term in TERMS:
        yield f"term {term}", configuration(model=routed, regularizer={term: 0.1})
    yield "bias without a loss", configuration(model=routed, regularizer={"bias_rate": 0.01})
    for name in LAYERS.names(lambda kind: not kind.made_by.endswith("StackedModules")):
        layers = [example(name), {"linear": 8}]
        backbone = {"expert": layers, "gate": layers}
        yield f"layer {name}", configuration(model={"backbone": backbone})
    for optimizer in OPTIMIZERS:
        yield f"optimizer {optimizer}", configuration(training={"optimizer": optimizer})


def configuration(**sections: Mapping[str, Any]) -> Configuration:
    """Small networks, but for what is named."""
    given = {
        "model": {"experts": 4, "backbone": "digits", **sections.get("model", {})},
        "regularizer": sections.get("regularizer", {}),
        "training": {"batch_size": BATCH, **sections.get("training", {})},
    }
    return Configuration.model_validate(given)


def population(
    configurations: Sequence[Configuration], shared: Architecture, on: Hardware
) -> Population:
    """Models of one architecture, from the same seed."""
    stage, *_ = stages(configurations[0])
    specs = [TrialSpec(key, one, seed=0) for key, one in enumerate(configurations)]
    return Population(specs, shared, stage, on)


def losses(configurations: Sequence[Configuration], given: Sequence[Batch], on: Hardware) -> Tensor:
    """Of the first model, before each step."""
    first = configurations[0]
    networks = resolve_backbone(first.model, None, SHAPE, CLASSES)
    trained = population(configurations, Architecture.of(first, networks, SHAPE, CLASSES), on)
    found = [
        trained.step(samples_last(x.to(on.device)), y.to(on.device))[0].cpu() for x, y in given
    ]
    return torch.stack(found)


def neighbours(one: Configuration) -> list[Configuration]:
    """A configuration, and others that can train in step with it."""
    others = [
        {"training": one.training.model_copy(update={"lr": lr}), "model": model}
        for lr, model in (
            (3e-3, one.model.model_copy(update={"experts": 2})),
            (1e-2, one.model.model_copy(update={"temperature": 2.0})),
        )
    ]
    return [one, *(one.model_copy(update=update) for update in others)]


def compare(steps: int, on: Hardware) -> bool:
    """Print how far losses differ, case by case; whether all are alike."""
    given = batches(steps, BATCH, SHAPE)
    alike = True
    heads = f"{'CPU: first':>12}{'all':>10}{'company: first':>16}{'all':>10}"
    print(f"{'largest difference of losses':<32}{heads}")
    for name, one in cases():
        alone = losses([one], given, on)
        found = []
        for other in (losses([one], given, EAGER), losses(neighbours(one), given, on)):
            difference = (alone - other).abs() / other.abs().clamp(min=1e-3)
            found += [float(difference[:FIRST].max()), float(difference.max())]
        fits = max(found[0], found[2]) < TOLERANCE
        alike &= fits
        numbers = f"{found[0]:>12.1e}{found[1]:>10.1e}{found[2]:>16.1e}{found[3]:>10.1e}"
        print(f"{name:<32}{numbers}{'' if fits else '  differs'}", flush=True)
    return alike


def random_batch(of: Workload, samples: int) -> Batch:
    """Samples of a workload's shape."""
    random = torch.Generator().manual_seed(0)
    x = torch.randn(samples, *of.shape, generator=random)
    return x, torch.randint(of.classes, (samples,), generator=random)


def seconds_of_a_step(step: Callable[[], object], count: int, device: torch.device) -> float:
    """Mean of some, after as many that are not timed."""

    def take() -> None:
        for _ in range(count):
            step()
        wait(device)

    take()
    started = time.perf_counter()
    take()
    return (time.perf_counter() - started) / count


def wait(device: torch.device) -> None:
    """Until all that a GPU was told is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def plain(of: Workload, device: torch.device, steps: int, loaded: bool) -> float:
    """Seconds of a step of one module per network; ``loaded``: with torch's DataLoader."""
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    bodies = layer_list(of.backbone.expert), layer_list(of.backbone.gate)
    model = PlainMixture(*bodies, of.shape, of.classes, of.experts).to(device)
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    x, y = random_batch(of, (2 * steps + 1) * of.batch)
    samples = iter(DataLoader(TensorDataset(x, y), of.batch, shuffle=True))
    x, y = x[: of.batch].to(device), y[: of.batch].to(device)

    def step() -> None:
        given = [part.to(device) for part in next(samples)] if loaded else (x, y)
        loss, p = mixture_loss(model, *given)
        adam.zero_grad()
        torch.autograd.backward(loss + WEIGHT * importance_loss(p))
        adam.step()

    return seconds_of_a_step(step, steps, device)


def ours(of: Workload, on: Hardware, models: int, steps: int) -> float:
    """Seconds of a step of one model, of so many that train in step."""
    one = of.configuration("importance", epochs=1)
    shared = Architecture.of(one, of.backbone, of.shape, of.classes)
    trained = population([one] * models, shared, on)
    x, y = (part.to(on.device) for part in random_batch(of, of.batch))
    return seconds_of_a_step(lambda: trained.step(samples_last(x), y), steps, on.device) / models


def time_all(size: Size, on: Hardware) -> None:
    """Print the seconds of a trial-epoch of each workload."""
    for of in size.workloads:
        steps = -(-of.training // of.batch)
        print(f"\n{of.name}, seconds of a trial-epoch of training, {steps} steps of {of.batch}")
        by_way = {
            f"({letter}) {name}": steps * plain(of, on.device, size.timed, loaded)
            for letter, name, loaded in (("a", "plain", True), ("b", "careful", False))
        }
        for name, seconds in by_way.items():
            print(f"  {name:<36}{seconds:9.4f}", flush=True)
        for models in size.populations:
            name = f"(c) moe-search, {models} in step"
            try:
                seconds = steps * ours(of, on, models, size.timed)
            except torch.OutOfMemoryError:
                print(f"  {name:<36} does not fit into memory")
                break
            ratios = ", ".join(f"{way[:3]} / (c) {s / seconds:.1f}" for way, s in by_way.items())
            print(f"  {name:<36}{seconds:9.4f}  {ratios}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, then time; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    default = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=default, help=f"here {default}")
    parser.add_argument("--small", action="store_true", help="seconds on any machine")
    given = parser.parse_args(arguments)
    size, device = (SMALL if given.small else WHOLE), torch.device(given.device)
    hardware, _ = hardware_for(device)
    named = torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU"
    print(f"{named}, torch {torch.__version__}")
    alike = compare(size.steps, hardware)
    time_all(size, hardware)
    return 0 if alike else 1


if __name__ == "__main__":
    sys.exit(main())
