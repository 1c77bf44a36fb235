"""Regularizer terms: what is added to the loss, each with a weight of its own."""

from collections.abc import Callable
from dataclasses import dataclass

from moe_search.spec.kinds.gates import GateKind
from moe_search.spec.kinds.kind import Kind, Kinds


def _learns(gate: GateKind) -> bool:
    return gate.learns


@dataclass(frozen=True, kw_only=True)
class TermKind(Kind):
    """A term.

    Attributes:
        fits: whether it has a meaning for a gate.
        between_samples: whether it compares samples, so that ``regularizer.features``,
            ``distance`` and ``scale`` have a meaning for it.
    """

    fits: Callable[[GateKind], bool] = _learns
    between_samples: bool = False


TERMS = Kinds(
    TermKind,
    {
        "importance": TermKind(
            meaning="L_importance: squared coefficient of variation of the experts' usage",
            made_by="moe_search.moe.terms.importance:Importance",
        ),
        "similarity": TermKind(
            meaning="L_s: near samples to one expert, far ones apart",
            made_by="moe_search.moe.terms.similarity:Similarity",
            between_samples=True,
        ),
    },
    group="moe_search.terms",
)
