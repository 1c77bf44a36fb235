"""From an architecture to the module that has it."""

from collections.abc import Sequence

from moe_search.moe.architecture import Architecture
from moe_search.moe.gates.base import Gate
from moe_search.moe.mixtures import Mixtures
from moe_search.spec.kinds.gates import GATES


def build(
    architecture: Architecture,
    experts: Sequence[int],
    temperatures: Sequence[float],
    fused: bool = False,
) -> Mixtures:
    """A population, not yet drawn; arguments as those of ``Mixtures``.

    What a gate is made by is a ``Gate``, or mixtures of another kind, whose gate and experts are
    one.

    Raises:
        MemberError: what makes the gate is neither, or is not there.
    """
    kind = Mixtures
    if architecture.gate is not None:
        made = GATES[architecture.gate].load_class(Gate, Mixtures)
        kind = made if issubclass(made, Mixtures) else Mixtures
    return kind(architecture, experts, temperatures, fused)
