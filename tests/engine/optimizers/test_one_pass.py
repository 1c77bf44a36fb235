"""The compiled step is the plain one, up to rounding, and the same in any company."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from support.small_trials import population, trial

from moe_search.engine.optimizers.base import PopulationOptimizer
from moe_search.moe.architecture import State
from moe_search.moe.mixtures import Mixtures
from moe_search.spec import Training
from moe_search.spec.kinds.optimizers import OPTIMIZERS

pytestmark = pytest.mark.usefixtures("one_thread", "compiled")

EXPERTS = (2, 7, 3)
LR = ((1e-3, 0.1, 0.0), (1e-3, 0.1, 0.0), (2e-3, 0.05, 0.1))
"""Of each model in three steps."""

COMPILED = [
    name for name in OPTIMIZERS if OPTIMIZERS[name].load_class(PopulationOptimizer).compiles
]
each_compiled = pytest.mark.parametrize("name", COMPILED)


class Learner:
    """Some of three models and their optimizer."""

    def __init__(self, name: str, models: Sequence[int], fused: bool) -> None:
        training = [
            Training(optimizer=name, weight_decay=decay, clip=clip, momentum=momentum)
            for decay, clip, momentum in ((0.0, 0.0, 0.9), (0.5, 0.3, 0.0), (0.1, 9.0, 0.5))
        ]
        specs = [trial(model, experts=EXPERTS[model]) for model in models]
        self.models = tuple(models)
        self.mixtures: Mixtures = population(specs).mixtures
        kind = OPTIMIZERS[name].load_class(PopulationOptimizer)
        self.optimizer = kind(self.mixtures, [training[model] for model in models], fused)

    def step(self, number: int) -> None:
        """With gradients that a model has in any company."""
        self.optimizer.zero_grad()
        for place, model in enumerate(self.models):
            shares = self.optimizer.memory.shares(self.optimizer.memory.gradient_F, place)
            random = torch.Generator().manual_seed(10 * number + model)
            for share in shares.values():
                share.add_(torch.randn(share.shape, generator=random))
        self.optimizer.step([LR[number][model] for model in self.models])

    def states(self) -> list[State]:
        """Of each model, its weights and what the optimizer keeps."""
        return [
            self.mixtures.state_of(place)
            | {
                f"{kept} of {name}": array
                for kept, state in self.optimizer.state_of(place).items()
                for name, array in state.items()
            }
            for place in range(len(self.models))
        ]


def stepped(name: str, models: Sequence[int], fused: bool) -> Learner:
    learner = Learner(name, models, fused)
    for number in range(len(LR)):
        learner.step(number)
    return learner


def assert_close(found: Learner, expected: Learner, tolerance: float) -> None:
    for ours, theirs in zip(found.states(), expected.states(), strict=True):
        assert ours.keys() == theirs.keys()
        for name, array in ours.items():
            np.testing.assert_allclose(array, theirs[name], tolerance, tolerance, err_msg=name)


@each_compiled
def test_it_is_the_plain_step(name: str) -> None:
    found, expected = stepped(name, (0, 1, 2), True), stepped(name, (0, 1, 2), False)
    assert_close(found, expected, 1e-6)
    assert not found.optimizer.memory.gradient_F.any(), "it clears the gradients"


@each_compiled
@pytest.mark.parametrize("fused", [False, True])
def test_company_changes_no_bit(name: str, fused: bool) -> None:
    together = stepped(name, (0, 1, 2), fused).states()
    for model in range(3):
        (alone,) = stepped(name, (model,), fused).states()
        assert all(np.array_equal(array, together[model][of]) for of, array in alone.items())


@each_compiled
def test_a_plain_step_may_follow(name: str) -> None:
    begun = Learner(name, (0, 1, 2), True)
    for number in range(2):
        begun.step(number)
    resumed = Learner(name, (0, 1, 2), False)
    memory = resumed.optimizer.memory
    for place in range(3):
        weights = begun.mixtures.state_of(place)
        for of, share in memory.shares(memory.weight_F, place).items():
            share.copy_(torch.from_numpy(weights[of]))
    resumed.optimizer.load([begun.optimizer.state_of(place) for place in range(3)])
    resumed.step(2)
    assert_close(resumed, stepped(name, (0, 1, 2), True), 1e-6)


@pytest.mark.usefixtures("double")
def test_other_types_take_the_plain_step() -> None:
    assert_close(stepped("adam", (0, 1), True), stepped("adam", (0, 1), False), 0.0)
