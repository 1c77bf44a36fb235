"""Trainings of several stages, and the plain way to train one stage.

Shape suffixes: B sample.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from moe_search.engine.resident import Resident
from moe_search.engine.seeds import order
from moe_search.engine.trial import TrialResult, TrialSpec
from moe_search.spec import Training
from support.reference_model import PlainMixture, mixture_loss
from support.small_trials import trial

EPOCHS = 3
FIRST, SECOND = range(1, EPOCHS + 1), range(EPOCHS + 1, 2 * EPOCHS + 1)
Loss = Callable[[PlainMixture, Tensor, Tensor], Tensor]


def recipe(key: int = 0, training: dict[str, Any] | None = None, **given: Any) -> TrialSpec:
    """A trial of three epochs in each stage; ``training`` says what else there is to it."""
    merged = {"epochs": EPOCHS, "batch_size": 16, "lr": 3e-3, **(training or {})}
    return trial(key, training=Training(**merged), **given)


def of_mixture(epoch: int) -> Loss:
    """The output rule's loss, in every epoch."""
    return lambda model, x, y: mixture_loss(model, x, y)[0]


def learn(
    model: PlainMixture,
    part: nn.Module,
    spec: TrialSpec,
    data: Resident,
    epochs: Iterable[int],
    loss_in: Callable[[int], Loss] = of_mixture,
) -> list[float]:
    """Some epochs of a fresh Adam on one part of a plain model; the mean loss of each."""
    training = spec.configuration.training
    adam = torch.optim.Adam(part.parameters(), lr=training.lr)
    means = []
    for epoch in epochs:
        loss_of, losses = loss_in(epoch), []
        for index_B in torch.split(order(spec.seed, epoch, len(data.train.y)), training.batch_size):
            loss = loss_of(model, data.train.x[index_B], data.train.y[index_B])
            model.zero_grad()
            torch.autograd.backward(loss)
            adam.step()
            losses.append(loss.detach())
        means.append(torch.stack(losses).mean().item())
    return means


def assert_same_weights(result: TrialResult, ours: PlainMixture, expected: PlainMixture) -> None:
    """To rounding; ``ours`` takes those of the result."""
    ours.load(result.state)
    theirs = expected.state_dict()
    for name, found in ours.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            torch.testing.assert_close(found, theirs[name], rtol=1e-6, atol=1e-7, msg=name)
