"""What an optimizer keeps of each model."""

import numpy as np
import pytest
from support.small_trials import batches, population, trial

from moe_search.engine.optimizers.base import PopulationOptimizer
from moe_search.engine.resident import samples_last
from moe_search.spec import Training
from moe_search.spec.kinds.optimizers import OPTIMIZERS

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_is_made(name: str) -> None:
    assert OPTIMIZERS[name].load_class(PopulationOptimizer) is not PopulationOptimizer


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_state_is_a_copy_of_one_models_share(name: str) -> None:
    training = Training(optimizer=name, lr=1e-2)
    learner = population([trial(key, experts=2 + key, training=training) for key in range(3)])
    assert not learner.snapshot_of(1).optimizer, "before the first step there is nothing"
    given = batches(2, 16)
    learner.step(samples_last(given[0][0]), given[0][1])
    first = learner.snapshot_of(1).optimizer
    before = {kept: {n: a.copy() for n, a in state.items()} for kept, state in first.items()}
    learner.step(samples_last(given[1][0]), given[1][1])
    assert first
    for kept, state in first.items():
        for parameter, array in state.items():
            assert np.array_equal(array, before[kept][parameter])
            if parameter == "heads.weight":
                assert array.shape[0] == 3
                again = learner.snapshot_of(1).optimizer[kept][parameter]
                assert not np.array_equal(array, again)
