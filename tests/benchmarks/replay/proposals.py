"""Optuna's samplers over the configurations of a table."""

from collections.abc import Mapping

import numpy as np
import optuna
from benchmarks.replay.table import Floats, Table
from optuna.pruners import WilcoxonPruner
from optuna.trial import FrozenTrial, TrialState

from moe_search.search.pruners import make_pruner
from moe_search.search.samplers import make_sampler
from moe_search.search.suggest import suggest
from moe_search.search.surrogate.cube import Cube
from moe_search.spec import Study, Value

PAIRED = "wilcoxon"
"""Optuna's pruner over seeds, which no study.yaml can name."""


class Candidates:
    """The configurations of a table, and which of them lies next to a proposal.

    The numbers of a proposal count as shares of their ranges. One whose kinds all agree comes
    before any other; a configuration that was given before is not given again, as a proposal in a
    continuous space is never repeated either.
    """

    def __init__(self, table: Table) -> None:
        self._cube = Cube(table.study.parameters)
        self.values = table.values
        self.place_CD = np.array([self._cube.place(values) for values in table.values])
        self.kinds_D = self._cube.kinds_D
        self._weight_D = np.where(self.kinds_D, float(len(self.kinds_D)), 1.0)
        self._free_C = np.ones(len(table.values), dtype=bool)

    def take(self, values: Mapping[str, Value]) -> int:
        """The nearest that is left."""
        difference_CD = np.abs(self.place_CD - self._cube.place(values))
        difference_CD = np.where(self.kinds_D, difference_CD > 0, difference_CD**2)
        distance_C = np.nansum(self._weight_D * difference_CD, axis=1)
        chosen = int(np.where(self._free_C, distance_C, np.inf).argmin())
        self._free_C[chosen] = False
        return chosen


class Proposals:
    """A study of Optuna's in memory whose trials are a table's configurations.

    A trial's parameters become those of the configuration that it got, so that a sampler's model
    is of what was trained.

    Args:
        table: the results.
        sampler: as study.yaml names it.
        pruner: as study.yaml names it, or ``PAIRED``.
        seed: of the sampler.
    """

    def __init__(self, table: Table, sampler: str, pruner: str, seed: int) -> None:
        paired = pruner == PAIRED
        changes = {"sampler": sampler, "pruner": "none" if paired else pruner, "seed": seed}
        search = table.study.search.model_copy(update=changes)
        self._study: Study = table.study.model_copy(update={"search": search})
        self._candidates = Candidates(table)
        self._pruner = make_pruner(self._study)
        self._optuna = optuna.create_study(
            study_name=f"{sampler}-{seed}",
            direction="maximize",
            sampler=make_sampler(self._study, 0),
            pruner=WilcoxonPruner() if paired else self._pruner.build(),
        )
        self._distributions: dict[str, optuna.distributions.BaseDistribution] = {}

    def ask(self) -> tuple[optuna.Trial, int]:
        """A trial and its configuration."""
        trial = self._optuna.ask()
        chosen = self._candidates.take(dict(suggest(trial, self._study)))
        frozen = self._frozen(trial)
        self._distributions |= frozen.distributions
        values = self._candidates.values[chosen]
        if values.keys() <= self._distributions.keys():
            frozen.params = dict(values)
            frozen.distributions = {path: self._distributions[path] for path in values}
        return trial, chosen

    def epochs(self, trial: optuna.Trial, curve_T: Floats) -> int:
        """How many epochs the pruner lets it train; it is told if they are not all."""
        for epoch, value in enumerate(curve_T[:-1], 1):
            trial.report(float(value), epoch)
            if self._pruner.decides_at(epoch) and trial.should_prune():
                self._optuna.tell(trial, state=TrialState.PRUNED)
                return epoch
        return len(curve_T)

    def seeds(self, trial: optuna.Trial, value_S: Floats) -> int:
        """Of how many seeds it is trained before a pruner over seeds stops it."""
        for seed, value in enumerate(value_S):
            trial.report(float(value), seed)
            if trial.should_prune():
                return seed + 1
        return len(value_S)

    def tell(self, trial: optuna.Trial, value: float) -> None:
        """The result of a trial that trained to its end."""
        self._optuna.tell(trial, value)

    def _frozen(self, trial: optuna.Trial) -> FrozenTrial:
        """The store's own record."""
        return self._optuna.get_trials(deepcopy=False)[trial.number]
