"""Networks: torch modules that packages bring, each of which is one layer of a layer list."""

from dataclasses import dataclass

from moe_search.spec.kinds.kind import Kind, Kinds


@dataclass(frozen=True, kw_only=True)
class NetworkKind(Kind):
    """A torch module.

    What makes it is a function of the shape of one sample, (C, H, W) or (F,), and of a number of
    outputs. It gives a module that takes [B, C, H, W] or [B, F] and gives [B, outputs].
    """


NETWORKS = Kinds(NetworkKind, {}, group="moe_search.networks")
