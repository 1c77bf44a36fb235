"""What members of one's own must keep to, as tests to inherit."""

from moe_search.testing.backbones import BackboneContract
from moe_search.testing.data_sets import DataSetContract
from moe_search.testing.executors import ExecutorContract
from moe_search.testing.gates import GateContract, OneModel
from moe_search.testing.networks import NetworkContract
from moe_search.testing.terms import TermContract

__all__ = [
    "BackboneContract",
    "DataSetContract",
    "ExecutorContract",
    "GateContract",
    "NetworkContract",
    "OneModel",
    "TermContract",
]
