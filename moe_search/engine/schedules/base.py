"""What every schedule has, and the warmup before it."""

from collections.abc import Sequence

from moe_search.spec.configuration import Training
from moe_search.spec.kinds.schedules import SCHEDULES


class Schedule:
    """How the learning rate of one model moves over a stage of its training.

    Args:
        training: the model's hyperparameters.
        steps: of the optimizer in the stage, those of a warmup left out.
        steps_of_epoch: how many of them an epoch has.
    """

    def __init__(self, training: Training, steps: int, steps_of_epoch: int) -> None:
        self.training = training
        self.steps = steps
        self.steps_of_epoch = steps_of_epoch

    def factor(self, step: int) -> float:
        """What the learning rate is multiplied by at a step, counted from 0."""
        raise NotImplementedError


class Rates:
    """The learning rates of a population over a stage of its training.

    Args:
        training: each model's hyperparameters.
        epochs: of the stage.
        steps_of_epoch: of the optimizer.

    Raises:
        MemberError: nothing makes a schedule.
    """

    def __init__(self, training: Sequence[Training], epochs: int, steps_of_epoch: int) -> None:
        self._steps_of_epoch = steps_of_epoch
        self._rates = [_Rate(own, epochs * steps_of_epoch, steps_of_epoch) for own in training]
        self._step = 0

    def begin_epoch(self, epoch: int) -> None:
        """Be at the first step of an epoch of the stage, counted from 0."""
        self._step = epoch * self._steps_of_epoch

    def next(self) -> list[float]:
        """Each model's rate at this step; then the next step's turn comes."""
        self._step += 1
        return [rate.at(self._step - 1) for rate in self._rates]


class _Rate:
    """One model's.

    In a warmup of n steps it is lr / n, 2 lr / n, ..., lr; the schedule takes the steps after it,
    as torch's ``SequentialLR`` joins the two.
    """

    def __init__(self, training: Training, steps: int, steps_of_epoch: int) -> None:
        self._lr = training.lr
        self._warmup = round(training.warmup * steps)
        kind = SCHEDULES[training.schedule].load_class(Schedule)
        self._schedule = kind(training, steps - self._warmup, steps_of_epoch)

    def at(self, step: int) -> float:
        """The rate of a step, counted from 0."""
        if step < self._warmup:
            return self._lr * (step + 1) / self._warmup
        return self._lr * self._schedule.factor(step - self._warmup)
