"""From an architecture to the module that has it."""

from collections.abc import Sequence

from moe_search.moe.architecture import Architecture
from moe_search.moe.mixtures import Mixtures
from moe_search.moe.soft import SoftMixtures


def build(
    architecture: Architecture,
    experts: Sequence[int],
    temperatures: Sequence[float],
    fused: bool = False,
) -> Mixtures:
    """A population, not yet drawn; arguments as those of ``Mixtures``."""
    kind = SoftMixtures if architecture.gate == "soft" else Mixtures
    return kind(architecture, experts, temperatures, fused)
