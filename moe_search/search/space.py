"""The space of a study in Optuna's terms."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import product

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
            return trial.suggest_int(
                path, domain.low, domain.high, step=domain.step, log=domain.log
            )
        case FloatRange():
            return trial.suggest_float(
                path, domain.low, domain.high, step=domain.step, log=domain.log
            )
        case Choices():
            choice = trial.suggest_categorical(path, domain.choices)
            assert choice is not None
            return choice


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
            assert domain.step is not None, "the study refuses a grid over a range without step"
            # as written: 0 + 3 * 0.1 is 0.3, and not a little more
            low, high, step = (Decimal(str(n)) for n in (domain.low, domain.high, domain.step))
            return tuple(float(low + n * step) for n in range(int((high - low) / step) + 1))
