"""The race of the finalists, over fresh seeds, and which of those that may be the best is taken."""

from collections.abc import Mapping, Sequence

from moe_search.moe.cost import Cost
from moe_search.search.ledger import FinalistRecord
from moe_search.search.objective import gain, keeps, mean, normalised, violations
from moe_search.search.racing.race import Race, race
from moe_search.spec.sections import Objective

LEVEL = 0.9
"""Of the intervals by which finalists are told apart."""

_ONE_ERROR = 0.68
"""Of an interval of one standard error to each side."""

_CHEAPER = 0.9
"""Of the multiply-adds of the best: what saves less is no simpler."""


def final_race(
    objective: Objective,
    records: Sequence[FinalistRecord],
    place: int = 0,
    costs: Mapping[int, Cost] | None = None,
) -> Race[int]:
    """How finalists stand by their trials' numbers, on validation.

    Those that miss a constraint in the mean over their seeds take no part while others keep it.
    The first is the incumbent; or, where costs are given, the one that is taken: by the rule of one
    standard error (Breiman et al. 1984, section 3.4.3) the simplest of those whose mean is at most
    that much below the incumbent's, seed by seed.

    Args:
        objective: the study's.
        records: one at least.
        place: of the objective that ranks them.
        costs: of an answer, by trial, where it is known.
    """
    every = by_trial(records)
    kept = {trial: of for trial, of in every.items() if keeps(missed(objective, of))}
    values = {
        trial: {
            record.seed: gain(objective, judged(objective, record, place), place) for record in of
        }
        for trial, of in sorted((kept or every).items())
    }
    best = race(values, LEVEL).standings[0].key
    return race(values, LEVEL, _simplest(values, best, costs or {}))


def _simplest(
    values: Mapping[int, Mapping[int, float]], best: int, costs: Mapping[int, Cost]
) -> int:
    """Which trial's answers take the fewest multiply-adds, of those about as good as the best."""
    if best not in costs:
        return best
    standings = race(values, _ONE_ERROR, best).standings
    near = [s.key for s in standings if s.key in costs and s.lead.known and not s.out]
    least = min(near, key=lambda trial: costs[trial].multiply_adds, default=best)
    cheaper = costs[least].multiply_adds <= _CHEAPER * costs[best].multiply_adds
    return least if cheaper else best


def by_trial(records: Sequence[FinalistRecord]) -> dict[int, list[FinalistRecord]]:
    """Records of one finalist together."""
    found: dict[int, list[FinalistRecord]] = {}
    for record in records:
        found.setdefault(record.trial, []).append(record)
    return found


def missed(objective: Objective, records: Sequence[FinalistRecord]) -> dict[str, float]:
    """By how much the mean over the seeds of one finalist misses each constraint."""
    metrics = mean([record.validation for record in records])
    return violations(objective, metrics, records[0].experts)


def judged(objective: Objective, record: FinalistRecord, place: int) -> float:
    """A finalist's value that ranks it."""
    if not place:
        return record.value
    name = objective.names[place]
    return normalised(name, record.validation[name], record.experts)
