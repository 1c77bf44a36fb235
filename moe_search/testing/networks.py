"""The contract of a network of one's own.

In the tests of the package that declares it::

    from moe_search.testing import NetworkContract

    class TestMine(NetworkContract):
        name = "mine"
        shape = (3, 32, 32)

Shape suffixes: N network, B sample, O output.
"""

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Generator, Tensor

from moe_search.engine.hardware import Hardware
from moe_search.engine.population import Population
from moe_search.engine.stages import Stage
from moe_search.engine.trial import TrialSpec
from moe_search.moe.architecture import Architecture, State
from moe_search.moe.layers.network import StackedModules
from moe_search.spec import Configuration
from moe_search.spec.backbones import Backbone
from moe_search.spec.kinds.layers import Network, Shape
from moe_search.spec.kinds.networks import NETWORKS

_OUTPUTS, _CLASSES, _BATCH = 6, 4, 9
_EXPERTS = (3, 2)


class NetworkContract:
    """Tests that pytest runs for a subclass whose name starts with Test.

    Attributes:
        name: under which the network is declared.
        shape: of a sample that it serves, (C, H, W) or (F,).
    """

    name: ClassVar[str]
    shape: ClassVar[Shape]

    def test_it_is_declared(self) -> None:
        assert self.name in NETWORKS, f"no installed package declares it in {NETWORKS.group}"
        assert NETWORKS[self.name].meaning, "it does not say what it is"

    def test_values_and_gradients_are_those_of_each_module(self) -> None:
        layer = Network(network=self.name, outputs=_OUTPUTS)
        stacked = StackedModules.of(layer, self.shape, 3, fused=False)
        x = self._samples().movedim(0, -1)
        for network in range(3):
            stacked.initialise(network, Generator().manual_seed(network))
        y_NOB = stacked(x)
        y_NOB.square().sum().backward()
        for network in range(3):
            alone = StackedModules.of(layer, self.shape, 1, fused=False)
            alone.initialise(0, Generator().manual_seed(network))
            module = NETWORKS[self.name].load()(self.shape, _OUTPUTS)
            names = {own: own.replace(".", "__") for own in module.state_dict()}
            rows = alone.state_dict()
            module.load_state_dict({own: rows[name][0] for own, name in names.items()})
            expected_BO = module.train()(self._samples())
            torch.testing.assert_close(y_NOB[network].t(), expected_BO)
            expected_BO.square().sum().backward()
            for own, parameter in module.named_parameters():
                found = getattr(stacked, names[own]).grad[network]
                torch.testing.assert_close(found, parameter.grad)

    def test_models_learn_the_same_alone_and_beside_others(self) -> None:
        together = self._trained(_EXPERTS)
        for model, experts in enumerate(_EXPERTS):
            (alone,) = self._trained((experts,))
            for name, array in alone.items():
                assert np.array_equal(array, together[model][name]), (model, name)

    def _samples(self) -> Tensor:
        return torch.randn(_BATCH, *self.shape, generator=Generator().manual_seed(0))

    def _trained(self, experts: tuple[int, ...]) -> list[State]:
        """Weights after three steps together."""
        layers = [{"network": self.name, "outputs": _OUTPUTS}]
        chosen: dict[str, Any] = {"backbone": {"expert": layers, "gate": layers}}
        sections = [{"model": {"experts": count, **chosen}} for count in experts]
        made = [Configuration.model_validate(section) for section in sections]
        specs = [TrialSpec(key, configuration, seed=0) for key, configuration in enumerate(made)]
        backbone = Backbone.model_validate(chosen["backbone"])
        shared = Architecture.of(made[0], backbone, self.shape, _CLASSES)
        population = Population(specs, shared, Stage(1), Hardware(torch.device("cpu")))
        population.begin_epoch(1)
        label_B = torch.arange(_BATCH) % _CLASSES
        for _ in range(3):
            population.step(self._samples().movedim(0, -1).contiguous(), label_B)
        return [population.state_of(model) for model in range(len(experts))]
