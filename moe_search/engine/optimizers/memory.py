"""The parameters of a population in one memory, and their gradients in another.

Shape suffixes: P model, F place in the flat memory of all parameters, S segment.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from moe_search.moe.mixtures import Mixtures
from moe_search.ops.optimizers.one_pass import Places

_LINE = 64  # places; a multiple of any vector, so that no place is computed otherwise than another


class FlatMemory:
    """Parameters that need a gradient, one after another; of each, model after model.

    Args:
        mixtures: the population, on the device where it trains; its parameters' memory is replaced.

    Attributes:
        weight_F, gradient_F: all weights and their gradients.
    """

    def __init__(self, mixtures: Mixtures) -> None:
        self._mixtures = mixtures
        self._parameters = {
            name: parameter
            for name, parameter in mixtures.named_parameters()
            if parameter.requires_grad
        }
        used = sum(parameter.numel() for parameter in self._parameters.values())
        places = -(-used // _LINE) * _LINE
        device = mixtures.temperature_P.device
        self.weight_F, self.gradient_F = torch.zeros(2, places, device=device)
        for parameter, (_, weight), (_, gradient) in zip(
            self._parameters.values(),
            self._by_name(self.weight_F),
            self._by_name(self.gradient_F),
            strict=True,
        ):
            weight.copy_(parameter.detach())
            parameter.data, parameter.grad = weight, gradient

    def shares(self, flat_F: Tensor, model: int) -> dict[str, Tensor]:
        """One model's places, by parameter and in its shape."""
        return {
            name: places[self._mixtures.rows(name, model)] for name, places in self._by_name(flat_F)
        }

    def models(self) -> Tensor:
        """The model of every place, [F]; of those that no parameter uses, the first one."""
        model_F = torch.zeros_like(self.weight_F, dtype=torch.int32)
        for model in range(self._mixtures.axis.models):
            for places in self.shares(model_F, model).values():
                places.fill_(model)
        return model_F

    def places(self) -> Places:
        """The memory as compiled steps take it."""
        ends, models, end = [], [], 0
        for name, parameter in self._parameters.items():
            for model in range(self._mixtures.axis.models):
                end += parameter[self._mixtures.rows(name, model)].numel()
                ends.append(end)
                models.append(model)
        return Places(self.weight_F, self.gradient_F, torch.tensor(ends), torch.tensor(models))

    def _by_name(self, flat_F: Tensor) -> Iterator[tuple[str, Tensor]]:
        """The places of every parameter, in its shape."""
        start = 0
        for name, parameter in self._parameters.items():
            yield name, flat_F[start : start + parameter.numel()].view(parameter.shape)
            start += parameter.numel()
