"""study.yaml: what is fixed, what is searched, and how."""

from moe_search.spec.backbones import PRESETS, Backbone
from moe_search.spec.base import Value
from moe_search.spec.configuration import (
    Configuration,
    Model,
    Regularizer,
    Training,
    resolve_backbone,
)
from moe_search.spec.differences import differences
from moe_search.spec.domains import Choices, Domain, FloatRange, IntRange
from moe_search.spec.file.load import check_study, load_study
from moe_search.spec.kinds.metrics import METRICS
from moe_search.spec.schema import json_schema
from moe_search.spec.searchable import Parameter
from moe_search.spec.sections import Data
from moe_search.spec.study import Study

__all__ = [
    "METRICS",
    "PRESETS",
    "Backbone",
    "Choices",
    "Configuration",
    "Data",
    "Domain",
    "FloatRange",
    "IntRange",
    "Model",
    "Parameter",
    "Regularizer",
    "Study",
    "Training",
    "Value",
    "check_study",
    "differences",
    "json_schema",
    "load_study",
    "resolve_backbone",
]
