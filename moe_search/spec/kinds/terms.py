"""Regularizer terms: what is added to the loss, each with a weight of its own."""

from collections.abc import Callable
from dataclasses import dataclass

from moe_search.spec.kinds.gates import GateKind
from moe_search.spec.kinds.kind import Kind, Kinds


def _learns(gate: GateKind) -> bool:
    return gate.learns


def _has_logits(gate: GateKind) -> bool:
    """Whether its shares are a softmax of what it says."""
    return gate.learns and gate.has_shares


def _chooses_rule(gate: GateKind) -> bool:
    return gate.learns and gate.rule is None


def _is_noisy(gate: GateKind) -> bool:
    return gate.noisy and _chooses_rule(gate)


def _has_rows(gate: GateKind) -> bool:
    return gate.learns and gate.has_rows


def _has_experts(gate: GateKind) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class TermKind(Kind):
    """A term.

    Attributes:
        fits: whether it has a meaning for a gate.
        between_samples: whether it compares samples, so that ``regularizer.features``,
            ``distance`` and ``scale`` have a meaning for it.
        routed: whether it counts the samples that each expert is sent, so that it has a meaning
            where the output rule sends a sample to some experts only. Rows of installed packages
            cannot say so, nor the next.
        of_experts: whether the experts learn from it and not the gate, so that it has no meaning
            where they learn at a temperature of their own, from the output rule's loss alone.
    """

    fits: Callable[[GateKind], bool] = _learns
    between_samples: bool = False
    routed: bool = False
    of_experts: bool = False


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
        "load": TermKind(
            meaning="L_load: squared coefficient of variation of the samples sent to experts",
            made_by="moe_search.moe.terms.load:Load",
            fits=_is_noisy,
            routed=True,
        ),
        "balance": TermKind(
            meaning="M sum_e f_e P_e of Switch, f the share of samples sent to an expert",
            made_by="moe_search.moe.terms.balance:Balance",
            fits=_chooses_rule,
            routed=True,
        ),
        "z": TermKind(
            meaning="mean squared logsumexp of the gate's logits, to keep them small",
            made_by="moe_search.moe.terms.z:Z",
            fits=_has_logits,
        ),
        "information": TermKind(
            meaning="H_s - H_u in nats: decided on each sample, and even over all",
            made_by="moe_search.moe.terms.information:Information",
        ),
        "orthogonality": TermKind(
            meaning="|R R' - I| of the gate's vector of each expert: near samples stay near",
            made_by="moe_search.moe.terms.orthogonality:Orthogonality",
            fits=_has_rows,
        ),
        "experts_apart": TermKind(
            meaning="squared cosine of two experts' representations of a sample",
            made_by="moe_search.moe.terms.experts_apart:ExpertsApart",
            fits=_has_experts,
            of_experts=True,
        ),
        "decided": TermKind(
            meaning="less the variance of each expert's share over samples",
            made_by="moe_search.moe.terms.decided:Decided",
        ),
    },
    group="moe_search.terms",
)
