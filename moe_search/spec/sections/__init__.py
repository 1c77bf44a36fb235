"""The sections of study.yaml that are not hyperparameters."""

from moe_search.spec.sections.data import Data, DataName, name_alone
from moe_search.spec.sections.objective import Bound, Objective
from moe_search.spec.sections.results import Finalists, Storage
from moe_search.spec.sections.search import Collapse, Search

__all__ = [
    "Bound",
    "Collapse",
    "Data",
    "DataName",
    "Finalists",
    "Objective",
    "Search",
    "Storage",
    "name_alone",
]
