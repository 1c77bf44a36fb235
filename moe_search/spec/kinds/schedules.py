"""Schedules: how the learning rate moves over the steps of a training."""

from dataclasses import dataclass

from moe_search.spec.kinds.kind import Kind, Kinds


@dataclass(frozen=True, kw_only=True)
class ScheduleKind(Kind):
    """A schedule of the learning rate.

    Attributes:
        rises: whether it begins low by itself, so that ``training.warmup`` has no meaning.
    """

    rises: bool = False


SCHEDULES = Kinds(
    ScheduleKind,
    {
        "constant": ScheduleKind(
            meaning="lr throughout",
            made_by="moe_search.engine.schedules.constant:Constant",
        ),
        "cosine": ScheduleKind(
            meaning="half a cosine from lr to 0",
            made_by="moe_search.engine.schedules.cosine:Cosine",
        ),
        "one_cycle": ScheduleKind(
            meaning="a cosine up from lr / 25 for three tenths of the steps, then down to almost 0",
            made_by="moe_search.engine.schedules.one_cycle:OneCycle",
            rises=True,
        ),
        "step": ScheduleKind(
            meaning="lr times step_factor after every step_epochs",
            made_by="moe_search.engine.schedules.step:Step",
        ),
    },
)
