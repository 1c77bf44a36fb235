"""Adam for every model of a population in one call.

Shape suffixes: P model, F place in the flat memory of all parameters.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from moe_search.moe.architecture import State
from moe_search.moe.mixtures import Mixtures

_LINE = 64  # places; a multiple of any vector, so that no place is computed otherwise than another


class PopulationAdam:
    """Adam (torch's) with a learning rate and a weight decay for each model.

    Parameters that need a gradient, and the gradients, move into one memory each, and torch's
    optimiser of rate 1 computes the change of all of it at once; what each model takes of the
    change is its own learning rate. Gradients do not mix, so each model learns exactly as it would
    alone.

    Args:
        mixtures: the population, on the device where it trains; its parameters' memory is replaced.
        lr: learning rate of each model.
        weight_decay: of each model, added to the gradient (L2).
    """

    def __init__(
        self, mixtures: Mixtures, lr: Sequence[float], weight_decay: Sequence[float]
    ) -> None:
        self._mixtures = mixtures
        self._parameters = {
            name: parameter
            for name, parameter in mixtures.named_parameters()
            if parameter.requires_grad
        }
        device = mixtures.temperature_P.device
        used = sum(parameter.numel() for parameter in self._parameters.values())
        places = -(-used // _LINE) * _LINE
        self._weight_F, self._gradient_F, self._change_F, self._lr_F, self._decay_F = torch.zeros(
            5, places, device=device
        )
        for parameter, (_, weight), (_, gradient) in zip(
            self._parameters.values(),
            self._by_name(self._weight_F),
            self._by_name(self._gradient_F),
            strict=True,
        ):
            weight.copy_(parameter.detach())
            parameter.data, parameter.grad = weight, gradient
        for values, flat_F in ((lr, self._lr_F), (weight_decay, self._decay_F)):
            for name, places_of in self._by_name(flat_F):
                for model, value in enumerate(values):
                    places_of[mixtures.rows(name, model)] = value
        self._decays = any(weight_decay)
        self._change_F.grad = self._gradient_F
        self._adam = torch.optim.Adam([self._change_F], lr=1.0, fused=True)

    def zero_grad(self) -> None:
        """Set every gradient to 0."""
        self._gradient_F.zero_()

    def step(self) -> None:
        """Change every weight by its gradient."""
        if self._decays:
            self._gradient_F.addcmul_(self._decay_F, self._weight_F)
        self._change_F.zero_()
        self._adam.step()
        self._weight_F.add_(self._change_F.mul_(self._lr_F))

    def moments_of(self, model: int) -> dict[str, State]:
        """A copy of one model's running means of the gradient and of its square."""
        return {
            moment: {
                name: places[self._mixtures.rows(name, model)].cpu().numpy().copy()
                for name, places in self._by_name(self._adam.state[self._change_F][moment])
            }
            for moment in ("exp_avg", "exp_avg_sq")
        }

    @property
    def steps(self) -> int:
        """Steps made."""
        return int(self._adam.state[self._change_F]["step"].item())

    def go_on(self, steps: int, moments: Sequence[dict[str, State]]) -> None:
        """Take up the state of other optimisers: steps made, and the moments of each model."""
        state = {"step": torch.tensor(float(steps), device=self._change_F.device)}
        for moment in ("exp_avg", "exp_avg_sq"):
            state[moment] = torch.zeros_like(self._change_F)
            for name, places in self._by_name(state[moment]):
                for model, states in enumerate(moments):
                    places[self._mixtures.rows(name, model)] = torch.tensor(states[moment][name])
        self._adam.state[self._change_F] = state

    def _by_name(self, flat_F: Tensor) -> Iterator[tuple[str, Tensor]]:
        """The places of every parameter, in its shape."""
        start = 0
        for name, parameter in self._parameters.items():
            yield name, flat_F[start : start + parameter.numel()].view(parameter.shape)
            start += parameter.numel()
