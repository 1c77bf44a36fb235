"""A step of an optimizer over the flat memory of all parameters as one operation.

Shape suffixes: F place in the flat memory, S segment (one model's share of one parameter),
P model.

On a CPU a step in plain torch reads and writes every place about fifteen times: it clears the
gradient and the change, computes the change, scales it by each model's rate and adds it. The
compiled operation (``one_pass.cpp``) does it in eight, and rounds as torch does, so the two agree
to the last bit or nearly so. The plain form is in ``engine/optimizers``.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from moe_search.ops.compile import call, library

_SOURCE = "optimizers/one_pass.cpp"


class Places(NamedTuple):
    """The memory of a population's parameters, which a step changes, and whose it is.

    Attributes:
        weight_F, gradient_F: of float32, on a CPU; a step leaves gradients of 0.
        end_S: the place after each segment's last.
        model_S: the model of each.
    """

    weight_F: Tensor
    gradient_F: Tensor
    end_S: Tensor
    model_S: Tensor


class Numbers(NamedTuple):
    """What each model has of its own.

    Attributes:
        lr_P: learning rates.
        decay_P: what the weights are multiplied by before they count in the gradient; or, where
            decay is decoupled, what they become times before a step.
        factor_P: what its gradients are multiplied by first.
    """

    lr_P: Tensor
    decay_P: Tensor
    factor_P: Tensor


def clip_factors(places: Places, clip_P: Tensor) -> Tensor:
    """What brings each model's gradients to a norm of at most its clip, [P]; 0 is no clip.

    Raises:
        OSError: it cannot be compiled (see ``compile.library``).
    """
    factor_P, norm2_P = torch.empty_like(clip_P), torch.empty_like(clip_P, dtype=torch.float64)
    tensors = (*places[1:], clip_P, norm2_P, factor_P)
    call(library(_SOURCE).factors, tensors, len(places.end_S), len(clip_P))
    return factor_P


def sgd(places: Places, numbers: Numbers, velocity_F: Tensor, momentum_P: Tensor) -> None:
    """v <- m v + g, w <- w - lr v; weight decay is a part of g."""
    tensors = (*places[:2], velocity_F, *places[2:], *numbers, momentum_P)
    call(library(_SOURCE).sgd, tensors, len(places.end_S))


def adam(
    places: Places,
    numbers: Numbers,
    mean_F: Tensor,
    square_F: Tensor,
    step: int,
    betas: tuple[float, float],
    epsilon: float,
    decoupled: bool,
) -> None:
    """The step of Adam of a number, from 1; weight decay is a part of g, or decoupled."""
    first, second = betas
    function = library(_SOURCE).adam_decoupled if decoupled else library(_SOURCE).adam_l2
    tensors = (*places[:2], mean_F, square_F, *places[2:], *numbers)
    rise, spread = -1 / (1 - first**step), (1 - second**step) ** 0.5
    scalars = (1 - first, second, 1 - second, rise, spread, epsilon)
    call(function, tensors, len(places.end_S), *scalars)
