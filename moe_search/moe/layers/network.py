"""Torch modules of other packages.

Shape suffixes: N network, B sample, O output.
"""

from collections.abc import Callable, Mapping
from typing import Self

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call

from moe_search.errors import MemberError
from moe_search.moe.layers.base import ALL, StackedLayer
from moe_search.spec.kinds.layers import Layer, Network, Shape
from moe_search.spec.kinds.networks import NETWORKS

_SEEDS = 2**63 - 1


class StackedModules(StackedLayer):
    """N copies of a module with weights of their own, one run after the other.

    They run one by one, through ``torch.func.functional_call``: under ``vmap`` the last bits of one
    would depend on how many there are.

    Args:
        name: of the module, for errors.
        make: makes one.
        shape: of one sample.
        outputs: how many features it is to give.
        count: N.

    Raises:
        MemberError: it is no such module, or draws at random in training.
    """

    def __init__(
        self, name: str, make: Callable[[], nn.Module], shape: Shape, outputs: int, count: int
    ) -> None:
        super().__init__()
        self._name, self._make, self._shape = name, make, shape
        self._checked = False
        with torch.device("meta"):  # its weights are none of ours
            template = make()
            _check_module(name, template, shape, outputs)
        self._template = (template,)  # in a tuple, so that they do not become so
        self._names = {own: own.replace(".", "__") for own in template.state_dict()}
        for own, tensor in template.state_dict(keep_vars=True).items():
            stacked = torch.zeros(count, *tensor.shape, dtype=tensor.dtype)
            if isinstance(tensor, nn.Parameter):
                self.register_parameter(self._names[own], nn.Parameter(stacked))
            else:
                self.register_buffer(self._names[own], stacked)

    @classmethod
    def of(cls, layer: Layer, shape: tuple[int, ...], count: int, fused: bool) -> Self:
        assert isinstance(layer, Network)
        made = NETWORKS[layer.network].load_member()
        return cls(layer.network, lambda: made(shape, layer.outputs), shape, layer.outputs, count)

    def forward(self, x: Tensor, networks: slice = ALL) -> Tensor:
        (module,) = self._template
        module.train(self.training)
        shared = x.ndim == len(self._shape) + 1
        learned = {own: p.unbind(0) for own, p in self._stacked(dict(self.named_parameters()))}
        kept = self._stacked(dict(self.named_buffers()))
        outputs = []
        for place, network in enumerate(range(self._count)[networks]):
            given = (x if shared else x[place]).movedim(-1, 0).contiguous()
            rows = {own: rows[network] for own, rows in learned.items()}
            rows |= {own: buffer[network] for own, buffer in kept}
            outputs.append(functional_call(module, rows, (given,)).t())
        return torch.stack(outputs)

    def initialise(self, network: int, generator: Generator) -> None:
        """Draw one network's weights as its package does, from a seed that is drawn."""
        seed = int(torch.randint(_SEEDS, (), generator=generator))
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(seed)
            drawn = self._make()
            for own, tensor in drawn.state_dict().items():
                getattr(self, self._names[own])[network] = tensor
            if not self._checked:
                _check_draws(self._name, drawn, self._shape)
                self._checked = True

    @property
    def _count(self) -> int:
        return len(next(self.parameters()))

    def _stacked(self, ours: Mapping[str, Tensor]) -> list[tuple[str, Tensor]]:
        """Those of ours by the module's own names."""
        return [(own, ours[name]) for own, name in self._names.items() if name in ours]


def _check_module(name: str, module: object, shape: Shape, outputs: int) -> None:
    """Whether it is a module with weights that gives what it should."""
    if not isinstance(module, nn.Module) or not list(module.parameters()):
        raise MemberError(f"network {name}: {type(module).__name__} is no module with weights")
    found = module.eval()(torch.empty(2, *shape))
    if tuple(found.shape) != (2, outputs):
        given, expected = tuple(found.shape), (2, outputs)
        raise MemberError(f"network {name}: gives {given} of two samples, expected {expected}")
    if others := dict(module.named_buffers()).keys() - module.state_dict().keys():
        raise MemberError(f"network {name}: buffer {min(others)} is no part of its state")


def _check_draws(name: str, module: nn.Module, shape: Shape) -> None:
    """Whether it draws nothing in training."""
    before = torch.random.get_rng_state()
    module.train()(torch.zeros(2, *shape))
    if not torch.equal(before, torch.random.get_rng_state()):
        raise MemberError(
            f"network {name}: draws at random in training, so that it would depend on its company; "
            "put a dropout behind it in the layer list"
        )
