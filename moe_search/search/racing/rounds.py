"""The rounds of the finals: which finalist is trained from which fresh seeds next.

All have two seeds first, then half as many again in each round, of those that may still win
(``race``), so the seeds go to those that are hard to tell apart. Once one is told from all others,
it alone gets what is lacking of the seeds asked for, and the finals are over. They are, too, when
the rest of the budget does not give another seed to all that may win.

A round is decided when all of it is in. So who gets which seeds depends on the study alone, not on
the order in which workers end, and finals that go on after a death decide as those that ran
through.
"""

from collections.abc import Collection, Mapping, Sequence

from moe_search.search.ledger import FinalistRecord
from moe_search.search.racing.finalists import final_race
from moe_search.spec import Study

_FIRST = 2
"""Seeds of all; with fewer, nothing is known of the noise."""


def next_round(
    study: Study,
    trials: Sequence[int],
    seeds: Sequence[int],
    records: Sequence[FinalistRecord],
    lost: Collection[tuple[int, int]],
) -> list[tuple[int, int]]:
    """What is to be trained now: pairs of a trial and a seed; nothing once the finals are over.

    Args:
        study: what was asked for.
        trials: those that found the finalists, by their number.
        seeds: fresh ones, as many as the budget.
        records: of what is trained.
        lost: pairs that failed, and are not tried again.
    """
    done = {(r.trial, r.seed) for r in records if r.trial in trials} | set(lost)
    finals = study.finalists
    if not study.finals_race or len(trials) < 2:
        asked = dict.fromkeys(trials, finals.seeds)
        return _missing(asked, seeds, done)
    left = finals.trainings - len(done)
    have = dict.fromkeys(trials, 0)
    behind, target = list(trials), min(_FIRST, finals.seeds)
    while given := _affordable(have, behind, min(target, len(seeds)), seeds, done, left):
        if missing := _missing(given, seeds, done):
            return missing
        have |= given
        known = [r for r in records if r.seed in seeds[: have.get(r.trial, 0)]]
        if not known:
            break
        race = final_race(study.objective, known)
        behind = [standing.key for standing in race.standings if not standing.out]
        target = finals.seeds if race.decided else target + max(1, target // 2)
    return []


def _affordable(
    have: Mapping[int, int],
    behind: Sequence[int],
    target: int,
    seeds: Sequence[int],
    done: Collection[tuple[int, int]],
    left: int,
) -> dict[int, int]:
    """How many seeds some come to, all to the same number; empty where none comes to more."""
    while given := {trial: target for trial in behind if have[trial] < target}:
        if len(_missing(given, seeds, done)) <= left:
            break
        target -= 1
    return given


def _missing(
    given: Mapping[int, int], seeds: Sequence[int], done: Collection[tuple[int, int]]
) -> list[tuple[int, int]]:
    pairs = [(trial, seed) for trial, count in given.items() for seed in seeds[:count]]
    return [pair for pair in pairs if pair not in done]
