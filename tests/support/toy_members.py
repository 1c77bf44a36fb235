"""One toy member of each open set, to be added to a copy of the package or installed beside it.

What a toy adds is what a person would write: a file of its own and a row in a table.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import moe_search

PACKAGE = Path(moe_search.__file__).parent


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        file: with the table, below the package.
        text: the row, a line or more.
        before: the line that it stands before; the first of those.
    """

    file: str
    text: str
    before: str


@dataclass(frozen=True)
class Toy:
    """A member.

    Attributes:
        row: of the one table that names it.
        study: what uses it, as sections of study.yaml.
        file: its own file, below the package; None where it has none.
        source: what stands in it.
        formula: of a metric, in the place of a file: it stands beside the others.
        group: of entry points, where a package may declare it.
    """

    row: Row
    study: dict[str, dict[str, Any]]
    file: str | None = None
    source: str = ""
    formula: Row | None = None
    group: str | None = None


def _kind(table: str, kind: str, made_by: str) -> Row:
    """A row at the end of a table of kinds."""
    text = f'        "toy": {kind}(meaning="a toy", made_by="moe_search.{made_by}"),\n'
    return Row(f"spec/kinds/{table}.py", text, "    },\n")


TOYS = {
    "gate": Toy(
        row=_kind("gates", "GateKind", "moe.gates.toy:ToyGate"),
        study={"model": {"gate": "toy"}},
        group="moe_search.gates",
        file="moe/gates/toy.py",
        source='''\
"""A gate twice as sure as the original one."""

from torch import Tensor

from moe_search.moe.gates.base import ExpertOutputs
from moe_search.moe.gates.original import OriginalGate


class ToyGate(OriginalGate):
    def forward(self, x: Tensor, experts: ExpertOutputs | None = None) -> Tensor:
        return 2 * super().forward(x, experts)
''',
    ),
    "term": Toy(
        row=_kind("terms", "TermKind", "moe.terms.toy:ToyTerm"),
        study={"regularizer": {"toy": 0.5, "importance": 0.1}},
        group="moe_search.terms",
        file="moe/terms/toy.py",
        source='''\
"""The largest expert usage."""

from torch import Tensor

from moe_search.moe.expert_axis import ExpertAxis
from moe_search.moe.terms.base import Batch, Term


class ToyTerm(Term):
    def loss(self, p_PMB: Tensor, axis: ExpertAxis, batch: Batch) -> Tensor:
        return p_PMB.mean(2).amax(1)
''',
    ),
    "output rule": Toy(
        row=_kind("outputs", "OutputKind", "moe.outputs.toy:ToyRule"),
        study={"model": {"output": "toy"}},
        file="moe/outputs/toy.py",
        source='''\
"""A mixture whose loss counts twice."""

from torch import Tensor

from moe_search.moe.outputs.mixture import Mixture


class ToyRule(Mixture):
    def losses(self, logits_PMB: Tensor, outputs_PMCB: Tensor, label_B: Tensor) -> Tensor:
        return 2 * super().losses(logits_PMB, outputs_PMCB, label_B)
''',
    ),
    "data set": Toy(
        row=_kind("data_sets", "DataSetKind", "data.sets.toy:IRIS"),
        study={"data": {"name": "toy"}},
        group="moe_search.data_sets",
        file="data/sets/toy.py",
        source='''\
"""Iris."""

from moe_search.data.sets.sklearn_sets import SklearnSet

IRIS = SklearnSet(loader="load_iris")
''',
    ),
    "metric": Toy(
        row=Row(
            "spec/kinds/metrics.py",
            '    "toy": Metric(better="maximize", meaning="a toy", symbol="toy"),\n',
            "}\n",
        ),
        study={"objective": {"maximize": {"toy": 1.0}}},
        formula=Row(
            "moe/decomposition.py", '            "toy": self.accuracy / 2,\n', "        }\n"
        ),
    ),
}
"""By what they are."""


def add(toys: list[Toy], folder: Path) -> None:
    """A copy of the package with toys in it, in a folder that is to be on the path of imports."""
    copy = shutil.copytree(
        PACKAGE, folder / "moe_search", ignore=shutil.ignore_patterns("__pycache__")
    )
    for toy in toys:
        if toy.file is not None:
            with (copy / toy.file).open("x") as file:
                file.write(toy.source)
        for row in filter(None, (toy.row, toy.formula)):
            before, found, after = (copy / row.file).read_text().partition(f"\n{row.before}")
            assert found, f"{row.file} has no line {row.before!r}"
            (copy / row.file).write_text(f"{before}\n{row.text}{found[1:]}{after}")


def install(folder: Path) -> list[Toy]:
    """Toys in a package of their own, as pip would leave it in a folder on the path of imports."""
    package, about = folder / "toys", folder / "toys-1.0.dist-info"
    package.mkdir(parents=True)
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toys\nVersion: 1.0\n")
    toys = [toy for toy in TOYS.values() if toy.group]
    entries = ""
    for toy in toys:
        assert toy.file is not None
        table = toy.row.file.removesuffix(".py").replace("/", ".")
        module = f"toys.{Path(table).suffix[1:]}"
        made_by = f"moe_search.{toy.file.removesuffix('.py').replace('/', '.')}"
        kind = toy.row.text.strip().removeprefix('"toy": ').removesuffix(",")
        (folder / module.replace(".", "/")).with_suffix(".py").write_text(toy.source)
        (package / f"{Path(table).suffix[1:]}_row.py").write_text(
            f"from moe_search.{table} import {kind.partition('(')[0]}\n\n"
            f"KIND = {kind.replace(made_by, module)}\n"
        )
        entries += f"[{toy.group}]\ntoy = {module}_row:KIND\n"
    (about / "entry_points.txt").write_text(entries)
    return toys
