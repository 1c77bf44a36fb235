"""The page of the guide that lists what a study can name, from the members' own rows.

``python tests/support/members_page.py > studies/guide/members.md`` writes it anew.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

from moe_search.spec import METRICS, kinds
from moe_search.spec.kinds.kind import Kinds

KEYS = {
    "data_sets": "data.name",
    "gates": "model.gate",
    "outputs": "model.output",
    "layers": "model.backbone",
    "networks": "{network: NAME}",
    "terms": "regularizer",
    "optimizers": "training.optimizer",
    "schedules": "training.schedule",
    "metrics": "objective",
    "samplers": "search.sampler",
    "pruners": "search.pruner",
    "executors": "search.executor",
    "stores": "storage",
}
"""The key of study.yaml under which a member is named, by the module of its table."""

HEAD = """\
# What a study can name

Each table is an open set; `tests/support/members_page.py` writes this page from the rows. \
[A study](study.md) explains the keys, and [how to add a member](../../.github/CONTRIBUTING.md) is \
one file and one row.
"""


def tables() -> Iterator[tuple[str, Kinds[Any]]]:
    """The table of every open set, and the name of its module."""
    for module in pkgutil.iter_modules(kinds.__path__):
        path = f"{kinds.__name__}.{module.name}"
        for value in vars(importlib.import_module(path)).values():
            if isinstance(value, Kinds) and value.base.__module__ in (path, Kinds.__module__):
                yield module.name, value


def page() -> str:
    """The page as Markdown."""
    members = {"metrics": {name: metric.meaning for name, metric in METRICS.items()}}
    for module, table in tables():
        members[module] = {
            name: kind.meaning for name, kind in table.items() if getattr(kind, "chosen", True)
        }
    assert members.keys() == KEYS.keys(), "KEYS says where study.yaml names each kind"
    return "\n".join([HEAD, *(_section(name, members[name]) for name in KEYS)])


def _section(module: str, meanings: dict[str, str]) -> str:
    said = importlib.import_module(f"{kinds.__name__}.{module}").__doc__ or ""
    title = said.partition(":")[0] if ":" in said else module.capitalize()
    escaped = {name: meaning.replace("|", r"\|") for name, meaning in meanings.items()}
    rows = "".join(f"| `{name}` | {meaning} |\n" for name, meaning in escaped.items())
    return f"## {title}\n\n| `{KEYS[module]}` | meaning |\n|---|---|\n{rows}"


if __name__ == "__main__":
    print(page(), end="")
