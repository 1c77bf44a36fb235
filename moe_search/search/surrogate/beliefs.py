"""What the trained configurations of a study are worth, by all that is known of them together.

The best of many noisy values is in part the luckiest. A Gaussian process over all of them takes
each configuration's value back towards what its neighbours make probable.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np
from optuna.trial import FrozenTrial

from moe_search.search.ledger import TrialRecord
from moe_search.search.surrogate.cube import Bools, Cube, Floats
from moe_search.search.surrogate.process import Process, Results
from moe_search.spec import Configuration, Study

Beliefs = Mapping[int, tuple[float, float]]
"""Mean and standard deviation of what a trial's configuration is worth, by the trial's number."""

FEWEST = 8
"""Trials, below which nothing is believed but what they gave."""

_MOST = 500
"""Trials that are looked at together, those of the best configurations: the cost is their number's
cube."""


def beliefs(study: Study, trials: Sequence[FrozenTrial]) -> Beliefs:
    """What complete trials are worth by the objective; those of one configuration the same.

    Nothing is believed of fewer than eight trials, of a study that searches nothing, of a
    comparison, or of several objectives.

    Args:
        study: what is searched.
        trials: complete ones.
    """
    several = study.configurations or study.objective.pareto
    if several or not study.parameters or len(trials) < FEWEST:
        return {}
    groups = _by_configuration(trials)
    kept = _best(groups)
    which = [(n, trial) for n, own in enumerate(kept.values()) for trial in own]
    results = Results(
        np.array([n for n, _ in which]),
        np.array([TrialRecord.of(trial).seed or 0 for _, trial in which]),
        np.array([trial.values[0] for _, trial in which]),
        np.full(len(which), float(study.search.seeds)),
    )
    cube = Cube(study.parameters)
    place_CD = np.array([cube.place(own[0].params) for own in kept.values()])
    mean_C, deviation_C = believed(place_CD, cube.kinds_D, results)
    unknown = float(deviation_C.max())
    worth = dict(zip(kept, zip(mean_C.tolist(), deviation_C.tolist(), strict=True), strict=True))
    return {
        trial.number: worth.get(configuration, (_mean(own), unknown))
        for configuration, own in groups.items()
        for trial in own
    }


_Groups = dict[Configuration | None, list[FrozenTrial]]
"""Trials by their configuration."""


def _best(groups: _Groups) -> _Groups:
    """The best configurations by their mean, with as many trials as are looked at together."""
    best, left = _Groups(), _MOST
    for of, own in sorted(groups.items(), key=lambda item: (-_mean(item[1]), item[1][0].number)):
        if left:
            best[of] = own[:left]
            left -= len(best[of])
    return best


def _by_configuration(trials: Sequence[FrozenTrial]) -> _Groups:
    found = _Groups()
    for trial in trials:
        found.setdefault(TrialRecord.of(trial).configuration, []).append(trial)
    return found


def _mean(trials: Sequence[FrozenTrial]) -> float:
    return fmean(trial.values[0] for trial in trials)


def believed(place_CD: Floats, kinds_D: Bools, results: Results) -> tuple[Floats, Floats]:
    """Mean and standard deviation, [C] each, of what configurations are worth over all seeds.

    Args:
        place_CD: of the configurations, each of which has a result.
        kinds_D: which hyperparameters are kinds.
        results: of them.
    """
    place_RD = place_CD[results.which_R]
    process = Process.fit(place_RD, kinds_D, results.value_R, results.seeds_R)
    return process.worth(place_CD, results)
