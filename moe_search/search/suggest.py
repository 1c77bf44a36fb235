"""The space of a study in Optuna's terms."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import product
from typing import Any

import optuna

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
    match domain:
        case IntRange():
            last = domain.high - (domain.high - domain.low) % domain.step
            return trial.suggest_int(path, domain.low, last, step=domain.step, log=domain.log)
        case FloatRange():
            high = domain.high if domain.step is None else _nth(domain, _steps(domain))
            drawn = trial.suggest_float(path, domain.low, high, step=domain.step, log=domain.log)
            value: Value = _as_written(domain, drawn)
            return value
        case Choices():
            choice = trial.suggest_categorical(path, domain.choices)
            assert choice is not None
            return choice


def as_written(study: Study, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values with those of stepped ranges as one writes them: what rounding tells apart is one."""
    domains = {parameter.path: parameter.domain for parameter in study.parameters}
    return {path: _as_written(domains.get(path), value) for path, value in values.items()}


def _as_written(domain: Domain | None, value: Any) -> Any:
    if not isinstance(domain, FloatRange) or domain.step is None:
        return value
    return _nth(domain, round((value - domain.low) / domain.step))


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
            return tuple(_nth(domain, n) for n in range(_steps(domain) + 1))


def _steps(domain: FloatRange) -> int:
    """How many steps lie between low and the last candidate."""
    low, high, step = (Decimal(str(number)) for number in (domain.low, domain.high, domain.step))
    return int((high - low) / step)


def _nth(domain: FloatRange, n: int) -> float:
    """A candidate as one writes it: 0 + 3 * 0.1 is 0.3, and not a little more."""
    return float(Decimal(str(domain.low)) + n * Decimal(str(domain.step)))
