"""The weights in the section ``regularizer``: a field for each row of the table of terms."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, StrictFloat, create_model

from moe_search.spec.base import Section
from moe_search.spec.conditions import (
    IN_MOE,
    Condition,
    Either,
    NoneAtZero,
    When,
    when,
    when_gate,
    when_kind,
)
from moe_search.spec.kinds.outputs import OUTPUTS
from moe_search.spec.kinds.terms import TERMS

TERM_NAMES = (*TERMS, *TERMS.installed())
"""The terms that have a weight of their own."""

LEARNS = when_gate(lambda gate: gate.learns)
_SENDS_TO_SOME = when_kind("model.output", OUTPUTS, lambda rule: rule.routes)
_EXPERTS_LEARN_FROM_IT = Either(
    (
        when_gate(lambda gate: not gate.has_shares),
        When("model.dual_temperature", lambda times: times == 1),
    )
)


class _WeightsByKind(Section):
    kind: Annotated[Literal["none", "importance", "similarity", "both"], IN_MOE, LEARNS] = Field(
        "none", description="regularizer of the gate"
    )
    weight: Annotated[
        StrictFloat,
        IN_MOE,
        LEARNS,
        when("regularizer.kind", "importance", "similarity", "both"),
    ] = Field(
        0.2, ge=0, description="weight of the regularizer; of L_importance where kind is both"
    )
    similarity_weight: Annotated[StrictFloat, IN_MOE, LEARNS, when("regularizer.kind", "both")] = (
        Field(0.2, ge=0, description="weight of L_s where kind is both")
    )


def _term_weight(name: str) -> Any:
    """The field of a term's weight."""
    fits = when_gate(lambda gate: TERMS[name].fits(gate))  # noqa: PLW0108  (loads it when asked)
    ours = TERMS[name] if name in tuple(TERMS) else None
    meaning = ours.meaning if ours else "a term of an installed package"
    more: list[Condition] = [_SENDS_TO_SOME] * bool(ours and ours.routed)
    more += [_EXPERTS_LEARN_FROM_IT] * bool(ours and ours.of_experts)
    field = Field(0.0, ge=0, description=f"weight of {meaning}; 0 is none")
    return (Annotated[(StrictFloat, NoneAtZero(), IN_MOE, fits, *more)], field)


if TYPE_CHECKING:

    class TermWeights(_WeightsByKind):
        """A weight of each term by its name, beside ``kind`` and ``weight`` of before."""

else:
    _fields = {name: _term_weight(name) for name in TERM_NAMES}
    TermWeights = create_model("TermWeights", __base__=_WeightsByKind, **_fields)

COMPARES_SAMPLES = Either(
    (
        when("regularizer.kind", "similarity", "both"),
        *(
            When(f"regularizer.{name}", lambda weight: weight > 0)
            for name in TERMS.names(lambda term: term.between_samples)
        ),
    )
)
