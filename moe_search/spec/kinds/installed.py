"""Backbones that other packages bring, by the names under which they are installed.

A package declares a function in its metadata, as an entry point of the group ``GROUP``. Given the
shape of one sample, (C, H, W) or (F,), and the number of classes, it returns the layer lists
``{"expert": [...], "gate": [...]}``. study.yaml holds the name alone: no code is found through it
that a person has not installed.
"""

from importlib.metadata import EntryPoint, entry_points

from pydantic import ValidationError

from moe_search.errors import UserError
from moe_search.spec.backbones import Backbone
from moe_search.spec.kinds.layers import Shape
from moe_search.words import dotted, one_line

GROUP = "moe_search.backbones"


def installed() -> dict[str, EntryPoint]:
    """What is installed, by name; nothing of it is imported."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def build(name: str, shape: Shape, classes: int) -> Backbone:
    """Calls the function of an installed backbone; what it raises is let through.

    Raises:
        UserError: it is not installed, or what it returns is no backbone.
    """
    entry = installed().get(name)
    if entry is None:
        raise UserError(
            f"model.backbone {name}: is not installed; no package declares it in {GROUP}"
        )
    given = entry.load()(shape, classes)
    try:
        return Backbone.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = f"model.backbone {name}: {entry.value} returns no backbone"
        raise UserError(one_line(f"{where}: {dotted(first['loc'])}: {first['msg']}")) from error
