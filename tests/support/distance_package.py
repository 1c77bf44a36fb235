"""A package that declares a gate and a term, installed as pip would leave it, but into a folder."""

import os
from pathlib import Path

KINDS = '''\
"""What study.yaml may name; loads no torch."""

from moe_search.spec.kinds.gates import GateKind
from moe_search.spec.kinds.terms import TermKind

DISTANCE = GateKind(
    meaning="the nearer a vector of an expert is, the more it gets",
    made_by="distances.members:DistanceGate",
)
NOBODYS = GateKind(meaning="a gate that nothing makes", made_by="distances.members:Nothing")
UNCERTAINTY = TermKind(meaning="mean of p (1 - p)", made_by="distances.members:Uncertainty")
'''

MEMBERS = '''\
from moe_search.moe.gates.base import NetworkGate
from moe_search.moe.layers.base import Weighted
from moe_search.moe.terms.base import Term
from moe_search.ops.invariant import spread_over_experts, sum_over_experts


class DistanceGate(NetworkGate):
    """logit_e = -|h_g - w_e|^2 with a vector w_e of each expert."""

    per_expert = ("vectors.",)

    def __init__(self, architecture, axis, fused):
        super().__init__(architecture, axis, fused)
        width = self.body.width
        self.vectors = Weighted(sum(axis.experts), (width,), width, bias=False)

    def forward(self, x, experts=None):
        vector_PMD = self.axis.fold(self.vectors.weight)
        gate_PMDB = spread_over_experts(self.body(x), vector_PMD.shape[1])
        return self.axis.mask(-(gate_PMDB - vector_PMD.unsqueeze(3)).square().sum(2))

    def initialise(self, model, generator):
        super().initialise(model, generator)
        for expert in self.axis.experts_of(model):
            self.vectors.initialise(expert, generator)


class Uncertainty(Term):
    """The mean over samples of sum_e p_e (1 - p_e)."""

    def loss(self, p_PMB, axis, batch):
        return sum_over_experts((p_PMB * (1 - p_PMB)).mean(2))
'''

CONTRACTS = """\
from moe_search.testing import GateContract, TermContract


class TestDistance(GateContract):
    name = "distance"

    def reference(self, model):
        difference = model.representation_BD.unsqueeze(1) - model.weights["vectors.weight"]
        return -difference.square().sum(2)


class TestUncertainty(TermContract):
    name = "uncertainty"

    def reference(self, p_BM, x_BF, label_B):
        return (p_BM * (1 - p_BM)).sum(1).mean()
"""


def install(folder: Path) -> None:
    """Make the folder hold the package, and the tests of it."""
    about = folder / "distances-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "distances").mkdir()
    (folder / "distances" / "__init__.py").touch()
    (folder / "distances" / "kinds.py").write_text(KINDS)
    (folder / "distances" / "members.py").write_text(MEMBERS)
    (folder / "test_distances.py").write_text(CONTRACTS)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: distances\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[moe_search.gates]\ndistance = distances.kinds:DISTANCE\n"
        "nobodys = distances.kinds:NOBODYS\n"
        "[moe_search.terms]\nuncertainty = distances.kinds:UNCERTAINTY\n"
    )


def environment(folder: Path) -> dict[str, str]:
    """Of a process that finds the package, and what this one finds."""
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
