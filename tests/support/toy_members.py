"""One toy member of each open set, to be added to a copy of the package or installed beside it.

What a toy adds is what a person would write: a file of its own and a row in a table. When it is
used it leaves a file ``used-...`` in the current folder.
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
        text: the row.
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
        beside: a line more: a metric's formula, in the place of a file; an import for the row.
        group: of entry points, where a package may declare it.
    """

    row: Row
    study: dict[str, dict[str, Any]]
    file: str | None = None
    source: str = ""
    beside: Row | None = None
    group: str | None = None


def _kind(table: str, kind: str, made_by: str, more: str = "") -> Row:
    """A row at the end of a table of kinds."""
    text = f'        "toy": {kind}(meaning="a toy", made_by="moe_search.{made_by}"{more}),\n'
    return Row(f"spec/kinds/{table}.py", text, "    },\n")


TOYS = {
    "gate": Toy(
        row=_kind("gates", "GateKind", "moe.gates.toy:ToyGate"),
        study={"model": {"gate": "toy"}},
        group="moe_search.gates",
        file="moe/gates/toy.py",
        source='''\
from pathlib import Path

from moe_search.moe.gates.original import OriginalGate


class ToyGate(OriginalGate):
    """Twice as sure as the original one."""

    def forward(self, x, experts=None):
        Path("used-gate").touch()
        return 2 * super().forward(x, experts)
''',
    ),
    "term": Toy(
        row=_kind("terms", "TermKind", "moe.terms.toy:ToyTerm"),
        study={"regularizer": {"toy": 0.5, "importance": 0.1}},
        group="moe_search.terms",
        file="moe/terms/toy.py",
        source='''\
from pathlib import Path

from moe_search.moe.terms.base import Term


class ToyTerm(Term):
    """The largest expert usage."""

    def loss(self, p_PMB, axis, batch):
        Path("used-term").touch()
        return p_PMB.mean(2).amax(1)
''',
    ),
    "output rule": Toy(
        row=_kind("outputs", "OutputKind", "moe.outputs.toy:ToyRule"),
        study={"model": {"output": "toy"}},
        file="moe/outputs/toy.py",
        source='''\
from pathlib import Path

from moe_search.moe.outputs.mixture import Mixture


class ToyRule(Mixture):
    """A mixture whose loss counts twice."""

    def losses(self, logits_PMB, outputs_PMCB, label_B):
        Path("used-output rule").touch()
        return 2 * super().losses(logits_PMB, outputs_PMCB, label_B)
''',
    ),
    "layer": Toy(
        row=_kind("layers", "LayerKind", "moe.layers.toy:ToyLayer"),
        study={
            "model": {
                "backbone": {
                    "expert": [{"linear": 6}, "toy", {"linear": 4}],
                    "gate": ["toy", {"linear": 4}],
                }
            }
        },
        file="moe/layers/toy.py",
        source='''\
from pathlib import Path

from moe_search.moe.layers.base import ALL, StackedLayer


class ToyLayer(StackedLayer):
    """The hyperbolic tangent."""

    @classmethod
    def of(cls, layer, shape, count, fused):
        return cls()

    def forward(self, x, networks=ALL):
        Path("used-layer").touch()
        return x.tanh()
''',
    ),
    "optimizer": Toy(
        row=_kind("optimizers", "OptimizerKind", "engine.optimizers.toy:ToyOptimizer"),
        study={"training": {"optimizer": "toy"}},
        file="engine/optimizers/toy.py",
        source='''\
from pathlib import Path

from moe_search.engine.optimizers.sgd import SGD


class ToyOptimizer(SGD):
    """Gradient descent."""

    def __init__(self, *arguments):
        Path("used-optimizer").touch()
        super().__init__(*arguments)
''',
    ),
    "schedule": Toy(
        row=_kind("schedules", "ScheduleKind", "engine.schedules.toy:ToySchedule"),
        study={"training": {"schedule": "toy"}},
        file="engine/schedules/toy.py",
        source='''\
from pathlib import Path

from moe_search.engine.schedules.base import Schedule


class ToySchedule(Schedule):
    """Half of it throughout."""

    def factor(self, step):
        Path("used-schedule").touch()
        return 0.5
''',
    ),
    "data set": Toy(
        row=_kind("data_sets", "DataSetKind", "data.sets.toy:TOY"),
        study={"data": {"name": "toy"}},
        group="moe_search.data_sets",
        file="data/sets/toy.py",
        source="""\
from pathlib import Path

from moe_search.data.sets.sklearn_sets import SklearnSet


class Toy(SklearnSet):
    def read(self, source, test, progress):
        Path("used-data set").touch()
        return super().read(source, test, progress)


TOY = Toy(loader="load_iris")
""",
    ),
    "metric": Toy(
        row=Row(
            "spec/kinds/metrics.py",
            '    "toy": Metric(better="maximize", meaning="a toy", symbol="toy"),\n',
            "}\n",
        ),
        study={"objective": {"maximize": {"toy": 1.0}}},
        beside=Row(
            "moe/decomposition.py", '            "toy": self.accuracy / 2,\n', "        }\n"
        ),
    ),
    "sampler": Toy(
        row=_kind("samplers", "SamplerKind", "search.samplers.toy:build"),
        study={"search": {"sampler": "toy"}},
        file="search/samplers/toy.py",
        source='''\
from pathlib import Path

from optuna.samplers import RandomSampler


def build(study, seed, earlier):
    """Independent draws."""
    Path("used-sampler").touch()
    return RandomSampler(seed=seed)
''',
    ),
    "pruner": Toy(
        row=_kind("pruners", "PrunerKind", "search.pruners.toy:ToyPruner"),
        study={"search": {"pruner": "toy"}},
        file="search/pruners/toy.py",
        source='''\
from pathlib import Path

from moe_search.search.pruners.median import Median


class ToyPruner(Median):
    """The median."""

    def build(self):
        Path("used-pruner").touch()
        return super().build()
''',
    ),
    "executor": Toy(
        row=_kind("executors", "ExecutorKind", "search.executors.toy:ToyOpener", ", options=Ray"),
        study={"search": {"executor": {"toy": {}}}},
        file="search/executors/toy.py",
        source='''\
from pathlib import Path

from moe_search.search.executors.local import LocalOpener


class ToyOpener(LocalOpener):
    """This machine."""

    def open(self, plan, data, checkpoints):
        Path("used-executor").touch()
        return super().open(plan, data, checkpoints)
''',
    ),
    "store": Toy(
        row=_kind(
            "stores",
            "StoreKind",
            "stores.kinds.toy:ToyStore",
            ', scheme="sqlite[+]pysqlite", rest=_FILE, example="a toy", in_file=True',
        ),
        study={"storage": {"optuna": "sqlite+pysqlite:///toy.db"}},
        file="stores/kinds/toy.py",
        source='''\
from pathlib import Path

from moe_search.stores.kinds.sqlite import SqliteStore


class ToyStore(SqliteStore):
    """A file."""

    def check(self, whose):
        Path("used-store").touch()
        super().check(whose)
''',
    ),
    "figure": Toy(
        row=Row(
            "tracking/decomposition/figures/__init__.py",
            '    Figure("toy.png", toy.draw, on_page=True),\n',
            '    Figure("expert_confusion.png", expert_confusion.draw),\n',
        ),
        beside=Row(
            "tracking/decomposition/figures/__init__.py", "    toy,\n", "    usage_per_epoch,\n"
        ),
        study={},
        file="tracking/decomposition/figures/toy.py",
        source='''\
from pathlib import Path

from moe_search.tracking.decomposition.drawing import stacked_shares


def draw(model):
    """PNG of the expert usage."""
    Path("used-figure").touch()
    return stacked_shares("a toy", model.usage_EM, "expert usage")
''',
    ),
    "chart": Toy(
        row=Row(
            "report/pages/search.py",
            '    SectionKind("Toys", "A chart of toys.", (toy.pictures,)),\n',
            '    SectionKind("What was asked", "", (_asked,)),\n',
        ),
        beside=Row("report/pages/search.py", "    toy,\n", "    intervals,\n"),
        study={},
        file="report/charts/toy.py",
        source='''\
from pathlib import Path

from moe_search.report.charts.history import draw
from moe_search.report.page import Picture


def pictures(report):
    """The way of a search."""
    Path("used-chart").touch()
    return [Picture("toy", "a toy", draw(report.points, "toy", "maximize"))]
''',
    ),
    "command": Toy(
        row=Row("cli/__init__.py", "    toy,\n", "    *(data, schema),\n"),
        beside=Row(
            "cli/__init__.py",
            "from moe_search.cli.toy import toy\n",
            '__all__ = ["main"]\n',
        ),
        study={},
        file="cli/toy.py",
        source='''\
from pathlib import Path

import click


@click.command()
def toy():
    """Does nothing."""
    Path("used-command").touch()
''',
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
        for row in filter(None, (toy.row, toy.beside)):
            before, found, after = (copy / row.file).read_text().partition(f"\n{row.before}")
            assert found, f"{row.file} has no line {row.before!r}"
            (copy / row.file).write_text(f"{before}\n{row.text}{found[1:]}{after}")


def install(folder: Path) -> dict[str, Toy]:
    """Toys in a package of their own, as pip would leave it in a folder on the path of imports."""
    package, about = folder / "toys", folder / "toys-1.0.dist-info"
    package.mkdir(parents=True)
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toys\nVersion: 1.0\n")
    toys = {name: toy for name, toy in TOYS.items() if toy.group}
    entries = ""
    for toy in toys.values():
        assert toy.file is not None
        table = Path(toy.row.file).stem
        inside = f"moe_search.{toy.file.removesuffix('.py').replace('/', '.')}"
        kind = toy.row.text.strip().removeprefix('"toy": ').removesuffix(",")
        (package / f"{table}.py").write_text(toy.source)
        (package / f"{table}_row.py").write_text(
            f"from moe_search.spec.kinds.{table} import {kind.partition('(')[0]}\n\n"
            f"KIND = {kind.replace(inside, f'toys.{table}')}\n"
        )
        entries += f"[{toy.group}]\ntoy = toys.{table}_row:KIND\n"
    (about / "entry_points.txt").write_text(entries)
    return toys
