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
    kept = sorted(_best(groups), key=lambda trial: (-trial.values[0], trial.number))
    known: dict[Configuration | None, int] = {}
    records = [TrialRecord.of(trial) for trial in kept]
    which = [known.setdefault(record.configuration, len(known)) for record in records]
    cube = Cube(study.parameters)
    places = dict(zip(which, (cube.place(trial.params) for trial in kept), strict=True))
    results = Results(
        np.array(which),
        np.array([record.seed or 0 for record in records]),
        np.array([trial.values[0] for trial in kept]),
        np.full(len(kept), float(study.search.seeds)),
    )
    mean_C, deviation_C = believed(np.array(list(places.values())), cube.kinds_D, results)
    unknown = float(deviation_C.max())
    measured = {trial.number: (_mean(own), unknown) for own in groups for trial in own}
    return measured | {
        trial.number: (float(mean_C[n]), float(deviation_C[n]))
        for trial, n in zip(kept, which, strict=True)
    }


def _best(groups: Sequence[Sequence[FrozenTrial]]) -> list[FrozenTrial]:
    """All trials of the best configurations by their mean, as many as are looked at together."""
    best: list[FrozenTrial] = []
    for own in sorted(groups, key=lambda own: (-_mean(own), own[0].number)):
        if len(best) + len(own) > _MOST:
            break
        best += own
    return best


def _by_configuration(trials: Sequence[FrozenTrial]) -> list[list[FrozenTrial]]:
    found: dict[Configuration | None, list[FrozenTrial]] = {}
    for trial in trials:
        found.setdefault(TrialRecord.of(trial).configuration, []).append(trial)
    return list(found.values())


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
