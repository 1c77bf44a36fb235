"""What every optimizer has: all models of a population in one call.

Shape suffixes: P model, F place in the flat memory of all parameters.
"""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

from moe_search.engine.optimizers.memory import FlatMemory
from moe_search.moe.architecture import State
from moe_search.moe.mixtures import Mixtures
from moe_search.ops.optimizers.one_pass import Numbers, Places, clip_factors
from moe_search.spec.configuration import Training

OptimizerState = dict[str, State]
"""Of one model, what the optimizer keeps, by its name and each parameter's."""

_CLIPPED = 1e-6  # added to a norm that is divided by, as in torch's clip_grad_norm_
_SHARED = "shared"  # the name under which what all parameters share stands


class PopulationOptimizer:
    """An optimizer of torch's with a learning rate, decay and clip for each model.

    All parameters lie in one memory. Torch's optimizer of rate 1 computes the change of all of it
    at once, and what each model takes of the change is its own learning rate; or a compiled step
    does both. Gradients do not mix, so each model learns exactly as it would alone.

    Args:
        mixtures: the population, on the device where it trains; its parameters' memory is replaced.
        training: each model's hyperparameters, which differ in what models in step may differ in.
        fused: take the compiled step, if there is one; float32 on a CPU only.

    Attributes:
        compiles: whether there is one.
        kept: what it keeps from step to step, by name, of every place or of all; nothing before the
            first.
    """

    compiles: ClassVar[bool] = False

    def __init__(
        self, mixtures: Mixtures, training: Sequence[Training], fused: bool = False
    ) -> None:
        self.memory = FlatMemory(mixtures)
        self.training = tuple(training)
        self.kept: dict[str, Tensor] = {}
        self._lr: list[float] = []
        weight_F = self.memory.weight_F
        fits = weight_F.dtype == torch.float32 and weight_F.device.type == "cpu"
        self._fused = fused and fits and self.compiles
        if self._fused:
            self._places = self.memory.places()
            self._clip_P = torch.tensor([own.clip for own in training], dtype=torch.float32)
            self._ones_P = torch.ones_like(self._clip_P)
        else:
            self._prepare_plain_steps()

    def make(self, change_F: Tensor) -> torch.optim.Optimizer:
        """Torch's optimizer, of learning rate 1 and without weight decay."""
        raise NotImplementedError

    def one_pass(self, places: Places, numbers: Numbers) -> None:
        """The compiled step of those that have one; it also sets every gradient to 0."""
        raise NotImplementedError

    def decays(self, lr: Sequence[float]) -> Sequence[float]:
        """What weights are multiplied by where they decay, for each model."""
        return [own.weight_decay for own in self.training]

    def decay(self, decay_F: Tensor) -> None:
        """Decay the weights before a step: here as a part of the gradient, w times the decay."""
        self.memory.gradient_F.addcmul_(decay_F, self.memory.weight_F)

    def spread(self, values: Sequence[float], flat_F: Tensor) -> None:
        """Give every place the value of its model."""
        value_P = torch.tensor(values, dtype=flat_F.dtype, device=flat_F.device)
        torch.index_select(value_P, 0, self._model_F, out=flat_F)

    def zero_grad(self) -> None:
        """Set every gradient to 0, as compiled steps leave it."""
        if not self._fused:
            self.memory.gradient_F.zero_()

    def step(self, lr: Sequence[float]) -> None:
        """Change every weight by its gradient, at the learning rate of each model."""
        moved, self._lr = lr != self._lr, list(lr)
        if self._fused:
            self._compiled_step(moved)
        else:
            self._plain_step(moved)

    def state_of(self, model: int) -> OptimizerState:
        """A copy of what is kept of one model; nothing before the first step."""
        return {kept: self._share(tensor, model) for kept, tensor in self.kept.items()}

    def load(self, states: Sequence[OptimizerState]) -> None:
        """Take up what other optimizers kept of each model after as many steps."""
        weight_F = self.memory.weight_F
        for kept, shared in states[0].items():
            if _SHARED in shared:
                self.kept[kept] = torch.tensor(shared[_SHARED], device=weight_F.device)
                continue
            self.kept[kept] = torch.zeros_like(weight_F)
            for model, own in enumerate(states):
                for name, places in self.memory.shares(self.kept[kept], model).items():
                    places.copy_(torch.from_numpy(own[kept][name]))

    def _prepare_plain_steps(self) -> None:
        weight_F, models = self.memory.weight_F, range(len(self.training))
        self._change_F, self._lr_F, self._decay_F = torch.zeros(
            3, len(weight_F), device=weight_F.device
        )
        self._model_F = self.memory.models()
        gradients = [self.memory.shares(self.memory.gradient_F, model) for model in models]
        self._gradients = [[*shares.values()] for shares in gradients]
        self._change_F.grad = self.memory.gradient_F
        self._torch = self.make(self._change_F)
        self.kept = self._torch.state[self._change_F]

    def _compiled_step(self, moved: bool) -> None:
        """A step, where the rates may have moved since the one before."""
        if moved:
            self._lr_P, self._decay_P = (
                torch.tensor(values, dtype=torch.float32)
                for values in (self._lr, self.decays(self._lr))
            )
        factor_P = self._ones_P
        if any(own.clip for own in self.training):
            factor_P = clip_factors(self._places, self._clip_P)
        self.one_pass(self._places, Numbers(self._lr_P, self._decay_P, factor_P))

    def _plain_step(self, moved: bool) -> None:
        """The same in plain torch."""
        if moved:
            self.spread(self._lr, self._lr_F)
            self.spread(self.decays(self._lr), self._decay_F)
        if any(own.clip for own in self.training):
            self._clip()
        if any(own.weight_decay for own in self.training):
            self.decay(self._decay_F)
        self._change_F.zero_()
        self._torch.step()
        self.memory.weight_F.add_(self._change_F.mul_(self._lr_F))

    def _clip(self) -> None:
        """Scale down the gradients of models whose norm is above theirs, as ``clip_grad_norm_``."""
        gradient_F = self.memory.gradient_F
        factor_P = torch.ones(len(self.training), device=gradient_F.device)
        for model, own in enumerate(self.training):
            if own.clip:
                norm = get_total_norm(self._gradients[model])
                factor_P[model] = (own.clip / (norm + _CLIPPED)).clamp(max=1.0)
        gradient_F.mul_(factor_P.index_select(0, self._model_F))

    def _share(self, tensor: Tensor, model: int) -> State:
        """One model's places of what is kept, by parameter; or what all parameters share."""
        if tensor.shape != self.memory.weight_F.shape:
            return {_SHARED: np.array(tensor.cpu().numpy())}
        shares = self.memory.shares(tensor, model)
        return {name: places.cpu().numpy().copy() for name, places in shares.items()}
