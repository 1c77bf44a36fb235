"""Pruners: how poor trials are stopped early."""

from dataclasses import dataclass

from moe_search.spec.kinds.kind import Kind, Kinds


@dataclass(frozen=True, kw_only=True)
class PrunerKind(Kind):
    """A pruner; ``made_by`` names an ``EpochPruner``.

    Attributes:
        stops: whether it ever stops a trial; what does compares one objective.
    """

    stops: bool = True


PRUNERS = Kinds(
    PrunerKind,
    {
        "hyperband": PrunerKind(
            meaning="brackets of successive halving, the first with few epochs",
            made_by="moe_search.search.pruners.hyperband:Hyperband",
        ),
        "successive_halving": PrunerKind(
            meaning="after each rung the better third goes on",
            made_by="moe_search.search.pruners.successive_halving:SuccessiveHalving",
        ),
        "asha": PrunerKind(
            meaning="ASHA (Li et al. 2020): what successive_halving is, for it waits for no trial",
            made_by="moe_search.search.pruners.successive_halving:SuccessiveHalving",
            same_as="successive_halving",
        ),
        "median": PrunerKind(
            meaning="stops what is worse than the median at the same epoch",
            made_by="moe_search.search.pruners.median:Median",
        ),
        "none": PrunerKind(
            meaning="lets every trial run to its end",
            made_by="moe_search.search.pruners.none:NoPruner",
            stops=False,
        ),
    },
)
