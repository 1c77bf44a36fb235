"""Times one step and one evaluation of some populations, in a process as a worker's is.

It is asked through its standard input by the process that starts it, and answers as JSON.
"""

import json
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor

from moe_search.data import load
from moe_search.engine.evaluate import evaluate
from moe_search.engine.hardware import hardware_for
from moe_search.engine.messages import Asked
from moe_search.engine.population import Population
from moe_search.engine.resident import Resident, Tensors, resident, samples_last
from moe_search.engine.stages import stages
from moe_search.engine.trial import TrialSpec, trains_alone
from moe_search.moe.architecture import Architecture
from moe_search.spec import Configuration, resolve_backbone

_LEAST = 0.2  # seconds that are timed
_EVALUATED = 512  # samples


def epoch_seconds(configuration: Configuration, asked: Asked, data: Resident) -> float:
    """About how long an epoch takes with its evaluation, as one model's share of its population."""
    device = torch.device(asked.device)
    backbone = resolve_backbone(configuration.model, asked.source.preset, data.shape, data.classes)
    architecture = Architecture.of(configuration, backbone, data.shape, data.classes)
    models = 1 if trains_alone(architecture, asked.device) else asked.population
    specs = [TrialSpec(key, configuration, seed=0) for key in range(models)]
    hardware, _ = hardware_for(device)
    # L_s may take distances in a network's outputs; what they are does not change how long it takes
    features = _first_values(data.classes)
    stage = stages(configuration)[0]
    label_N = data.train.y
    population = Population(specs, architecture, stage, hardware, features, label_N)
    size = min(configuration.training.batch_size, len(data.train.y))
    x, label_B = samples_last(data.train.x[:size]), data.train.y[:size]
    some = Tensors(data.validation.x[:_EVALUATED], data.validation.y[:_EVALUATED])
    step = _timed(lambda: population.step(x, label_B).tolist())
    evaluation = _timed(lambda: evaluate(population.mixtures, some))
    steps, evaluations = len(data.train.y) / size, len(data.validation.y) / len(some.y)
    return (steps * step + evaluations * evaluation) / models


def _first_values(count: int) -> Callable[[Tensor], Tensor]:
    return lambda x: x.flatten(0, -2)[:count]


def _timed(work: Callable[[], object]) -> float:
    """Seconds that it takes, once it has been done before."""
    work()
    began, done = time.perf_counter(), 0
    while not done or time.perf_counter() < began + _LEAST:
        work()
        done += 1
    return (time.perf_counter() - began) / done


def main() -> None:
    """Answer with the seconds of each configuration."""
    torch.set_num_threads(1)
    asked = Asked.read(sys.stdin.buffer.read())
    data = resident(load(asked.source), torch.device(asked.device))
    print(json.dumps([epoch_seconds(one, asked, data) for one in asked.configurations]))


if __name__ == "__main__":
    main()
