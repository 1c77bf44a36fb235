"""A configuration in the words that both dashboards use."""

from moe_search.spec.base import Section
from moe_search.spec.conditions import NoneAtZero, conditions
from moe_search.spec.configuration import Configuration


def meaningful(configuration: Configuration) -> dict[str, object]:
    """The hyperparameters that have a meaning beside the others, by dotted path."""
    values: dict[str, object] = {}
    meaningful: dict[str, object] = {}
    for section in Configuration.model_fields:
        part: Section = getattr(configuration, section)
        for name, field in type(part).model_fields.items():
            path = f"{section}.{name}"
            values[path] = getattr(part, name)
            absent = not values[path] and any(isinstance(e, NoneAtZero) for e in field.metadata)
            if not absent and all(condition.holds(values) for condition in conditions(field)):
                meaningful[path] = values[path]
    return meaningful


def written(value: object) -> str:
    """A hyperparameter as text: layer lists as JSON, numbers to the last digit, true and false."""
    if isinstance(value, bool):
        return str(value).lower()
    return value.model_dump_json() if isinstance(value, Section) else str(value)


def trial_name(number: int) -> str:
    """A trial in names of runs, models and folders: such as ``trial-007``."""
    return f"trial-{number:03d}"


def short_name(configuration: Configuration) -> str:
    """The network in a few words, such as ``distilled attentive M=8 T=0.70``."""
    model = configuration.model
    if model.kind == "single":
        return "single"
    known = {"mixture": "", "top_k": f" top-{model.top_k}"}
    rule = known.get(model.output, f" {model.output}")
    gate = f"distilled {model.gate}" if configuration.training.distill else model.gate
    return f"{gate} M={model.experts} T={model.temperature:.2f}{rule}"
