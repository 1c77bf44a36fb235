"""How a search decided: what its incumbent was believed to be worth, and who got further seeds.

What was believed on the way is not stored: it is what all trials up to then say, and is found from
them again (``surrogate.beliefs``), a few hundredths of a second each time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from optuna.trial import FrozenTrial

from moe_search.search.ledger import TrialRecord
from moe_search.search.racing.replicates import in_line
from moe_search.search.ranking import Tried, by_belief
from moe_search.search.surrogate.beliefs import FEWEST, Beliefs, beliefs
from moe_search.spec import Study

_TIMES = 20
"""How often it is asked what was believed, at most: more than a chart has room for."""

_TRIALS = 4000
"""Trials that are looked at in all these times together, about: they take a second."""


@dataclass(frozen=True)
class Incumbent:
    """The configuration that was the best by all trials up to one.

    Attributes:
        after: the number of that trial.
        trial: of the configuration, the number of its best trial until then.
        mean, deviation: what it was believed to be worth.
    """

    after: int
    trial: int
    mean: float
    deviation: float


@dataclass(frozen=True)
class Racer:
    """A configuration that got further seeds, or that leads.

    Attributes:
        trial: the number of its best trial.
        trials: of all its trials, by number.
        further: those of them that are further seeds.
        before: mean and standard deviation of what it was believed to be worth when the first of
            them was asked for, of one that got none when the race began; None where that is not
            known.
        believed: mean and standard deviation of what it is worth, at each step of the race and
            last; None where it had no value yet.
        behind: by how much the leader's mean is larger, at last.
        dropped: the trial that went to another, and by how much that one was ahead, half a
            standard deviation counting for each; None where it was never passed over.
        feasible: whether it keeps every constraint.
    """

    trial: int
    trials: tuple[int, ...]
    further: tuple[int, ...]
    before: tuple[float, float] | None
    believed: tuple[tuple[float, float] | None, ...]
    behind: float
    dropped: tuple[int, float] | None
    feasible: bool


@dataclass(frozen=True)
class Decisions:
    """How a search decided.

    Attributes:
        incumbents: after one trial after another, of many trials after some.
        steps: trials that are further seeds; of many some.
        racers: the best first, by what is believed last; none where nothing got a further seed.
    """

    incumbents: tuple[Incumbent, ...] = ()
    steps: tuple[int, ...] = ()
    racers: tuple[Racer, ...] = ()


@dataclass(frozen=True)
class _Step:
    """A further seed, and what was believed when it was asked for.

    Attributes:
        trial: that trained it.
        asked: when.
        by_trial: what was believed of the trials that were complete then.
        ahead: whose turn it was, see ``in_line``.
    """

    trial: int
    asked: datetime
    by_trial: Beliefs
    ahead: float


def decisions(study: Study, trials: Sequence[FrozenTrial], believed: Beliefs) -> Decisions:
    """Find what was believed on the way.

    Args:
        study: what is searched.
        trials: complete ones, by number.
        believed: of them, what is believed now; nothing where nothing is.
    """
    if not believed:
        return Decisions()
    times = min(_TIMES, max(_TRIALS // len(trials), 4))
    further = [t for t in trials if TrialRecord.of(t).replicate_of is not None]
    found = (_step(study, trials, one) for one in _some(further, times // 2))
    steps = [step for step in found if step is not None]
    best = by_belief(study.objective, trials, believed)
    raced = {trial.number for trial in further}
    racers = [
        _racer(study, one, best[0], steps, raced)
        for place, one in enumerate(best)
        if raced and (not place or raced & {trial.number for trial in one.trials})
    ]
    return Decisions(
        _incumbents(study, trials, believed, times - len(steps)),
        tuple(step.trial for step in steps),
        tuple(racers),
    )


def _some(of: Sequence[FrozenTrial], most: int) -> list[FrozenTrial]:
    """So many at most, the first and the last among them."""
    places = np.linspace(0, len(of) - 1, min(len(of), most)).round().astype(int)
    return [of[place] for place in places]


def _incumbents(
    study: Study, trials: Sequence[FrozenTrial], believed: Beliefs, times: int
) -> tuple[Incumbent, ...]:
    """The last of them by what is believed now."""
    found = []
    for last in _some(trials[FEWEST - 1 :], times):
        until = [trial for trial in trials if trial.number <= last.number]
        worth = believed if len(until) == len(trials) else beliefs(study, until)
        first = by_belief(study.objective, until, worth)[0]
        number = first.trials[0].number
        found.append(Incumbent(last.number, number, *worth[number]))
    return tuple(found)


def _step(study: Study, trials: Sequence[FrozenTrial], further: FrozenTrial) -> _Step | None:
    """As the search knew it, by the clock; None of one that was asked while nothing was known."""
    asked, first = further.datetime_start, TrialRecord.of(further).configuration
    if asked is None:
        return None
    known = [t for t in trials if t.datetime_complete and t.datetime_complete <= asked]
    by_trial = beliefs(study, known)
    own = [t.number for t in known if TrialRecord.of(t).configuration == first]
    if not by_trial or not own:
        return None
    return _Step(further.number, asked, by_trial, in_line(*by_trial[own[0]]))


def _racer(
    study: Study, of: Tried, leader: Tried, steps: Sequence[_Step], raced: set[int]
) -> Racer:
    assert of.believed is not None
    assert leader.believed is not None
    numbers = tuple(sorted(trial.number for trial in of.trials))
    further = tuple(number for number in numbers if number in raced)
    first = next((step for step in steps if not further or step.trial >= further[0]), None)
    return Racer(
        trial=of.trials[0].number,
        trials=numbers,
        further=further,
        before=_believed(of, first.by_trial) if first else None,
        believed=(*(_believed(of, step.by_trial) for step in steps), of.believed),
        behind=leader.believed[0] - of.believed[0],
        dropped=_dropped(of, steps, raced) if len(numbers) < study.race else None,
        feasible=of.feasible,
    )


def _believed(of: Tried, by_trial: Mapping[int, tuple[float, float]]) -> tuple[float, float] | None:
    known = (by_trial[trial.number] for trial in of.trials if trial.number in by_trial)
    return next(known, None)


def _dropped(of: Tried, steps: Sequence[_Step], raced: set[int]) -> tuple[int, float] | None:
    """The first step after its last further seed at which it could have had one and was behind."""
    own = [trial for trial in of.trials if trial.number in raced]
    last = max((trial.number for trial in own), default=-1)
    for step in steps:
        mine = _believed(of, step.by_trial)
        ended = all(trial.number in step.by_trial for trial in own)
        if step.trial > last >= 0 and ended and mine is not None:
            behind = step.ahead - in_line(*mine)
            if behind >= 0:
                return step.trial, behind
    return None
