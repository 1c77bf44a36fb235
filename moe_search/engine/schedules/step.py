"""Steps down."""

from moe_search.engine.schedules.base import Schedule


class Step(Schedule):
    """Lower by a factor after every so many epochs, as torch's ``StepLR``."""

    def factor(self, step: int) -> float:
        epoch = step // self.steps_of_epoch
        return self.training.step_factor ** (epoch // self.training.step_epochs)
