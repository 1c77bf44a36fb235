"""Every layer as a study may write it."""

from typing import Any

from moe_search.spec.kinds.layers import LAYERS

EXAMPLES: dict[str, Any] = {
    "linear": {"linear": 16},
    "dropout": {"dropout": 0.5},
    "residual": {"residual": [{"conv": 2, "padding": 1}, "relu"]},
    "shortcut": {
        "residual": [{"conv": 3, "padding": 1, "stride": 2}],
        "shortcut": [{"conv": 3, "kernel": 1, "stride": 2}],
    },
}
"""Layers whose number should not be 2."""


def example(name: str) -> Any:
    """A layer as a study may write it, which takes images of two channels."""
    if name in EXAMPLES:
        return EXAMPLES[name]
    return {name: 2} if LAYERS[name].section else name
