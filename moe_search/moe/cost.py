"""What an answer costs, from an architecture alone: nothing here needs torch."""

from dataclasses import dataclass
from math import prod

from moe_search.moe.architecture import Architecture
from moe_search.spec.backbones import dense_layers, feature_map
from moe_search.spec.kinds.gates import GATES
from moe_search.spec.kinds.layers import multiply_adds, through


@dataclass(frozen=True)
class Cost:
    """Of one sample at inference.

    Attributes:
        experts: that have to be evaluated.
        multiply_adds: multiplications with an addition in products of matrices and convolutions, of
            the gate and of these experts.
    """

    experts: int
    multiply_adds: int


def cost(architecture: Architecture, experts: int) -> Cost | None:
    """What an answer of a model of so many experts costs.

    It is what the output rule asks for: of ``top_k`` k experts. A gate that scores experts by what
    they say needs all of them, and so does Soft MoE. None where it is not known: of a gate or a
    network of a package.
    """
    if architecture.gate is not None and GATES[architecture.gate].has_slots:
        return _soft(architecture, experts)
    network = _network(architecture)
    gate = _gate(architecture, experts)
    if network is None or gate is None:
        return None
    evaluated = _evaluated(architecture, experts)
    return Cost(evaluated, gate + evaluated * network)


def _network(architecture: Architecture) -> int | None:
    """Of one expert: its body, and the layer that gives each class a score."""
    body = multiply_adds(architecture.backbone.expert, architecture.shape)
    after = through(architecture.backbone.expert, architecture.shape)
    if body is None or after is None:
        return None
    return body + prod(after) * architecture.classes


def _gate(architecture: Architecture, experts: int) -> int | None:
    if architecture.gate is None:
        return 0
    kind = GATES[architecture.gate]
    if kind.multiply_adds is None:
        return None
    if not kind.has_network:
        return kind.multiply_adds(experts, 0)
    body = multiply_adds(architecture.backbone.gate, architecture.shape)
    after = through(architecture.backbone.gate, architecture.shape)
    if body is None or after is None:
        return None
    return body + kind.multiply_adds(experts, prod(after))


def _soft(architecture: Architecture, experts: int) -> Cost | None:
    """Of Soft MoE: slots are scored by all tokens and are means of them, an expert answers its own.

    What comes of the mean of their answers is one product with the weights of the classes.
    """
    layers, (width, *sides) = feature_map(architecture.backbone, architecture.shape)
    dense, slots = dense_layers(architecture.backbone.expert), experts * architecture.slots
    trunk, body = multiply_adds(layers, architecture.shape), multiply_adds(dense, (width,))
    after = through(dense, (width,))
    if trunk is None or body is None or after is None:
        return None
    hidden = prod(after)
    each = 2 * prod(sides) * width + body + hidden
    return Cost(experts, trunk + slots * each + hidden * architecture.classes)


def _evaluated(architecture: Architecture, experts: int) -> int:
    if architecture.gate is None or GATES[architecture.gate].evaluates_experts:
        return experts
    if architecture.rule.one_expert:
        return 1
    return min(experts, architecture.rule.k) if architecture.rule.kind == "top_k" else experts
