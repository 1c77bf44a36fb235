"""The space of a study in Optuna's terms."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from moe_search.errors import UserError
from moe_search.spec import Choices, Domain, FloatRange, IntRange, Study, Value

_LARGEST_GRID = 100_000


def suggest(trial: optuna.Trial, study: Study) -> dict[str, Value]:
    """Values for every hyperparameter that has a meaning in this trial, by path."""
    values: dict[str, Value] = {}
    for parameter in study.parameters:
        if parameter.is_active(values):
            values[parameter.path] = _suggest(trial, parameter.path, parameter.domain)
    return values


def _suggest(trial: optuna.Trial, path: str, domain: Domain) -> Value:
    match distribution(domain):
        case IntDistribution(low=low, high=high, step=step, log=log):
            return trial.suggest_int(path, low, high, step=step, log=log)
        case FloatDistribution(low=low, high=high, step=step, log=log):
            value: Value = _as_written(
                domain, trial.suggest_float(path, low, high, step=step, log=log)
            )
            return value
        case CategoricalDistribution(choices=choices):
            choice = trial.suggest_categorical(path, choices)
            assert choice is not None
            return choice
    raise TypeError(f"no domain: {domain!r}")


def distribution(domain: Domain) -> BaseDistribution:
    """A domain as Optuna knows it; a range ends with its last candidate."""
    match domain:
        case IntRange(low=low, step=step, log=log):
            return IntDistribution(low, domain.nth(domain.steps), log=log, step=step)
        case FloatRange(low=low, high=high, step=step, log=log):
            last = high if step is None else domain.nth(domain.steps)
            return FloatDistribution(low, last, log=log, step=step)
        case Choices(choices=choices):
            return CategoricalDistribution(choices)


def as_written(study: Study, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values with those of stepped ranges as one writes them: what rounding tells apart is one."""
    domains = {parameter.path: parameter.domain for parameter in study.parameters}
    return {path: _as_written(domains.get(path), value) for path, value in values.items()}


def _as_written(domain: Domain | None, value: Any) -> Any:
    if not isinstance(domain, FloatRange) or domain.step is None:
        return value
    return domain.nth(round((value - domain.low) / domain.step))


def grid(study: Study) -> list[dict[str, Value]]:
    """Every distinct set of values of a finite space; those of the study's points come first.

    Raises:
        UserError: there are too many.
    """
    count = 1
    for parameter in study.parameters:
        count *= len(_options(parameter.domain))
        if count > _LARGEST_GRID:
            raise UserError(
                f"search.sampler: grid over more than {_LARGEST_GRID:,} configurations; "
                "give ranges a larger step or use another sampler"
            )
    found: dict[tuple[tuple[str, Value], ...], dict[str, Value]] = {}
    for values in _products(study):
        found.setdefault(tuple(values.items()), values)
    points = study.search.points
    return sorted(
        found.values(),
        key=lambda values: not any(point.items() <= values.items() for point in points),
    )


def _products(study: Study) -> Iterator[dict[str, Value]]:
    options = [_options(parameter.domain) for parameter in study.parameters]
    for chosen in product(*options):
        values: dict[str, Value] = {}
        for parameter, value in zip(study.parameters, chosen, strict=True):
            if parameter.is_active(values):
                values[parameter.path] = value
        yield values


def _options(domain: Domain) -> tuple[Value, ...]:
    match domain:
        case Choices():
            return domain.choices
        case IntRange():
            return tuple(range(domain.low, domain.high + 1, domain.step))
        case FloatRange():
            return tuple(domain.nth(n) for n in range(domain.steps + 1))
