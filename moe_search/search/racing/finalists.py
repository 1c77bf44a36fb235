"""The race of the finalists, over fresh seeds, and which of those that may be the best is taken."""

from collections.abc import Mapping, Sequence

from moe_search.moe.cost import Cost
from moe_search.search.ledger import FinalistRecord
from moe_search.search.objective import gain, keeps, mean, normalised, violations
from moe_search.search.racing.race import Race, race
from moe_search.spec.sections import Objective

LEVEL = 0.9
"""Of the intervals by which finalists are told apart."""

_CHEAPER = 0.9
"""Of the multiply-adds of the best: what saves less is no simpler."""


def final_race(
    objective: Objective, records: Sequence[FinalistRecord], place: int = 0
) -> Race[int]:
    """How finalists stand by their trials' numbers, on validation.

    Those that miss a constraint in the mean over their seeds take no part while others keep it.

    Args:
        objective: the study's.
        records: one at least.
        place: of the objective that ranks them.
    """
    every = by_trial(records)
    kept = {trial: of for trial, of in every.items() if keeps(missed(objective, of))}
    values = {
        trial: {
            record.seed: gain(objective, judged(objective, record, place), place) for record in of
        }
        for trial, of in sorted((kept or every).items())
    }
    return race(values, LEVEL)


def taken(race: Race[int], costs: Mapping[int, Cost]) -> int:
    """The trial whose configuration is the champion: the simplest of those that are as good.

    This is the rule of one standard error (Breiman et al. 1984, section 3.4.3), where the error is
    that of the paired difference to the incumbent: of those whose mean is at most that much below
    the incumbent's it is the one whose answers take the fewest multiply-adds, if they take a tenth
    less than the incumbent's.

    Args:
        race: of the finalists.
        costs: of an answer, by trial, where it is known.
    """
    first, *others = race.standings
    near = [one.key for one in others if one.lead.interval.mean >= -one.lead.error]
    least = min(
        (trial for trial in near if trial in costs),
        key=lambda trial: costs[trial].multiply_adds,
        default=first.key,
    )
    if first.key not in costs:
        return first.key
    cheaper = costs[least].multiply_adds <= _CHEAPER * costs[first.key].multiply_adds
    return least if cheaper else first.key


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
