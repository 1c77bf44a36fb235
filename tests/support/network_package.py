"""A package that declares torch modules, installed as pip would leave it, but into a folder."""

from pathlib import Path

MODULES = '''\
from math import prod

from torch import nn


def plain(shape, outputs):
    """A dense layer with batch normalisation."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(prod(shape), 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, outputs)
    )


def wide(shape, outputs):
    """It gives one number more than it should."""
    return plain(shape, outputs + 1)


def random(shape, outputs):
    """It draws at random."""
    return nn.Sequential(plain(shape, outputs), nn.Dropout(0.1))


def nothing(shape, outputs):
    """It has no weights."""
    return nn.Flatten()
'''
NAMES = ("plain", "wide", "random", "nothing", "absent")
"""There is no function of the last one's."""


def install(folder: Path) -> None:
    """Make the folder, which is to be on sys.path, hold the package."""
    about, package = folder / "modules-1.0.dist-info", folder / "modules"
    about.mkdir(parents=True)
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "networks.py").write_text(MODULES)
    rows = [
        f'{name.upper()} = NetworkKind(meaning="a toy", made_by="modules.networks:{name}")'
        for name in NAMES
    ]
    head = "from moe_search.spec.kinds.networks import NetworkKind\n\n"
    (package / "rows.py").write_text(head + "\n".join(rows) + "\n")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: modules\nVersion: 1.0\n")
    entries = [f"{name} = modules.rows:{name.upper()}" for name in NAMES]
    (about / "entry_points.txt").write_text("\n".join(["[moe_search.networks]", *entries]) + "\n")
