"""What every optimizer has: all models of a population in one call.

Shape suffixes: P model, F place in the flat memory of all parameters.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

from moe_search.moe.architecture import State
from moe_search.moe.mixtures import Mixtures
from moe_search.spec.configuration import Training

OptimizerState = dict[str, State]
"""Of one model, what the optimizer keeps, by its name and each parameter's."""

_LINE = 64  # places; a multiple of any vector, so that no place is computed otherwise than another
_CLIPPED = 1e-6  # added to a norm that is divided by, as in torch's clip_grad_norm_
_SHARED = "shared"  # the name under which what all parameters share stands


class PopulationOptimizer:
    """An optimizer of torch's with a learning rate and a weight decay for each model.

    Parameters that need a gradient, and the gradients, move into one memory each, and torch's
    optimizer of rate 1 computes the change of all of it at once; what each model takes of the
    change is its own learning rate. Gradients do not mix, so each model learns exactly as it would
    alone.

    Args:
        mixtures: the population, on the device where it trains; its parameters' memory is replaced.
        training: each model's hyperparameters, which differ in what models in step may differ in.
    """

    def __init__(self, mixtures: Mixtures, training: Sequence[Training]) -> None:
        self._mixtures = mixtures
        self.training = tuple(training)
        self._weight_decay = [own.weight_decay for own in training]
        self._clip = [own.clip for own in training]
        self._lr: list[float] = []
        self._parameters = {
            name: parameter
            for name, parameter in mixtures.named_parameters()
            if parameter.requires_grad
        }
        device = mixtures.temperature_P.device
        used = sum(parameter.numel() for parameter in self._parameters.values())
        places = -(-used // _LINE) * _LINE
        self.weight_F, self.gradient_F, self._change_F, self._lr_F, self._decay_F = torch.zeros(
            5, places, device=device
        )
        for parameter, (_, weight), (_, gradient) in zip(
            self._parameters.values(),
            self._by_name(self.weight_F),
            self._by_name(self.gradient_F),
            strict=True,
        ):
            weight.copy_(parameter.detach())
            parameter.data, parameter.grad = weight, gradient
        self._model_F = self._models_of_places()
        self._change_F.grad = self.gradient_F
        self._torch = self.make(self._change_F)

    def make(self, change_F: Tensor) -> torch.optim.Optimizer:
        """Torch's optimizer, of learning rate 1 and without weight decay."""
        raise NotImplementedError

    def decays(self, lr: Sequence[float], weight_decay: Sequence[float]) -> Sequence[float]:
        """What ``decay`` takes for each model."""
        return weight_decay

    def decay(self, decay_F: Tensor) -> None:
        """Decay the weights before a step: here as a part of the gradient, w times the decay."""
        self.gradient_F.addcmul_(decay_F, self.weight_F)

    def zero_grad(self) -> None:
        """Set every gradient to 0."""
        self.gradient_F.zero_()

    def step(self, lr: Sequence[float]) -> None:
        """Change every weight by its gradient, at the learning rate of each model."""
        if lr != self._lr:
            self._lr = list(lr)
            self.spread(lr, self._lr_F)
            self.spread(self.decays(lr, self._weight_decay), self._decay_F)
        if any(self._clip):
            self._clip_gradients()
        if any(self._weight_decay):
            self.decay(self._decay_F)
        self._change_F.zero_()
        self._torch.step()
        self.weight_F.add_(self._change_F.mul_(self._lr_F))

    def state_of(self, model: int) -> OptimizerState:
        """A copy of what is kept of one model; nothing before the first step."""
        state = self._torch.state[self._change_F]
        return {kept: self._share(tensor, model) for kept, tensor in state.items()}

    def load(self, states: Sequence[OptimizerState]) -> None:
        """Take up what other optimizers kept of each model after as many steps."""
        state = {}
        for kept, shared in states[0].items():
            if _SHARED in shared:
                state[kept] = torch.tensor(shared[_SHARED], device=self._change_F.device)
                continue
            state[kept] = torch.zeros_like(self._change_F)
            for name, places in self._by_name(state[kept]):
                for model, own in enumerate(states):
                    rows = self._mixtures.rows(name, model)
                    places[rows] = torch.tensor(own[kept][name])
        self._torch.state[self._change_F] = state

    def _clip_gradients(self) -> None:
        """Scale down the gradients of models whose norm is above theirs, as ``clip_grad_norm_``."""
        factor_P = torch.ones(len(self._clip), device=self.gradient_F.device)
        for model, most in enumerate(self._clip):
            if most:
                norm = get_total_norm(self._gradients_of(model))
                factor_P[model] = (most / (norm + _CLIPPED)).clamp(max=1.0)
        self.gradient_F.mul_(factor_P.index_select(0, self._model_F))

    def _gradients_of(self, model: int) -> list[Tensor]:
        """One model's gradients by parameter."""
        return [
            places[self._mixtures.rows(name, model)]
            for name, places in self._by_name(self.gradient_F)
        ]

    def _share(self, tensor: Tensor, model: int) -> State:
        """One model's places of what is kept, by parameter; or what all parameters share."""
        if tensor.shape != self._change_F.shape:
            return {_SHARED: np.array(tensor.cpu().numpy())}
        return {
            name: places[self._mixtures.rows(name, model)].cpu().numpy().copy()
            for name, places in self._by_name(tensor)
        }

    def _models_of_places(self) -> Tensor:
        """The model of every place; of those that no parameter uses, the first one."""
        model_F = torch.zeros_like(self.weight_F, dtype=torch.int32)
        for name, places in self._by_name(model_F):
            for model in range(self._mixtures.axis.models):
                places[self._mixtures.rows(name, model)] = model
        return model_F

    def spread(self, values: Sequence[float], flat_F: Tensor) -> None:
        """Give every place the value of its model."""
        value_P = torch.tensor(values, dtype=flat_F.dtype, device=flat_F.device)
        torch.index_select(value_P, 0, self._model_F, out=flat_F)

    def _by_name(self, flat_F: Tensor) -> Iterator[tuple[str, Tensor]]:
        """The places of every parameter, in its shape."""
        start = 0
        for name, parameter in self._parameters.items():
            yield name, flat_F[start : start + parameter.numel()].view(parameter.shape)
            start += parameter.numel()
