"""Rules by which the rest of a cost decides which configuration is the champion."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from benchmarks.replay.proposals import Candidates
from benchmarks.replay.searching import Trained
from benchmarks.replay.world import World

from moe_search.search.surrogate.beliefs import believed
from moe_search.search.surrogate.cube import Floats
from moe_search.search.surrogate.process import Ints
from moe_search.search.surrogate.process import Results as Together

_ROUND = 8  # trainings of a round: a population
_SPREAD = 0.5


class Finals(Protocol):
    """A rule."""

    def cost(self, budget: float) -> float:
        """What of a budget it keeps for itself, in whole trainings."""

    def champion(self, world: World, results: "Results", cost: int) -> int:
        """The configuration that it comes to."""


class Results:
    """Values by configuration and seed, as a search left them and finals go on."""

    def __init__(self, trained: Sequence[Trained]) -> None:
        self.of = {one.configuration: list(one.values) for one in trained if one.values}

    def train(self, world: World, configuration: int) -> None:
        """One more seed."""
        values = self.of[configuration]
        values.append(float(world.seen_CST[configuration, len(values), -1]))

    def means(self) -> dict[int, float]:
        """Over the seeds of each."""
        return {configuration: float(np.mean(values)) for configuration, values in self.of.items()}

    def believed(self, world: World) -> tuple[Ints, Floats, Floats]:
        """Configurations, and mean and deviation of what each is worth, as the product has it."""
        rows = [
            (which, seed, value)
            for which, values in enumerate(self.of.values())
            for seed, value in enumerate(values)
        ]
        which_R, seed_R, value_R = map(np.array, zip(*rows, strict=True))
        keys, space = np.array(list(self.of)), Candidates(world.table)
        together = Together(which_R, seed_R, value_R, np.ones(len(rows)))
        return keys, *believed(space.place_CD[keys], space.kinds_D, together)


@dataclass(frozen=True)
class Raw:
    """The trial with the best value, as a sampler alone leaves it."""

    def __str__(self) -> str:
        return "the best trial"

    def cost(self, budget: float) -> float:
        return 0.0

    def champion(self, world: World, results: Results, cost: int) -> int:
        means = results.means()
        return max(means, key=means.__getitem__)


@dataclass(frozen=True)
class Fresh:
    """The best few from fresh seeds, and the best mean over those: as finalists are today."""

    top: int
    seeds: int

    def __str__(self) -> str:
        return f"finals {self.top} x {self.seeds}"

    def cost(self, budget: float) -> float:
        return float(self.top * self.seeds)

    def champion(self, world: World, results: Results, cost: int) -> int:
        means = results.means()
        best = sorted(means, key=lambda configuration: -means[configuration])[: self.top]
        known = len(results.of[best[0]])

        def fresh(configuration: int) -> float:
            return float(world.seen_CST[configuration, known : known + self.seeds, -1].mean())

        return max(best, key=fresh)


@dataclass(frozen=True)
class Halving:
    """Successive halving over seeds: two in three of the best few go on.

    Attributes:
        share: of the whole cost.
        top: how many begin.
    """

    share: float
    top: int

    def __str__(self) -> str:
        return f"halving {self.share:.0%} of {self.top}"

    def cost(self, budget: float) -> float:
        return float(int(self.share * budget))

    def champion(self, world: World, results: Results, cost: int) -> int:
        means = results.means()
        left = sorted(means, key=lambda configuration: -means[configuration])[: self.top]
        seeds = world.seen_CST.shape[1]
        while 1 < len(left) <= cost and len(results.of[left[0]]) < seeds:
            for configuration in left:
                results.train(world, configuration)
            cost -= len(left)
            means = results.means()
            left = sorted(left, key=lambda configuration: -means[configuration])
            left = left[: max(1, -(-len(left) * 2 // 3))]
        return left[0]


@dataclass(frozen=True)
class Posterior:
    """As the product does: seeds to the best by what is believed, then finals of the best few.

    Attributes:
        share: of the search's trainings that are further seeds of a configuration.
        top: finalists.
        seeds: fresh ones of each.
    """

    share: float
    top: int
    seeds: int

    def __str__(self) -> str:
        return f"posterior {self.share:.0%}, finals {self.top} x {self.seeds}"

    def cost(self, budget: float) -> float:
        finals = self.top * self.seeds
        return float(finals + int(self.share * (budget - finals)))

    def champion(self, world: World, results: Results, cost: int) -> int:
        most, cost = world.seen_CST.shape[1] - self.seeds, cost - self.top * self.seeds
        while True:
            keys, mean_C, deviation_C = results.believed(world)
            rank = keys[np.argsort(-(mean_C + _SPREAD * deviation_C))]
            wanted = [key for key in rank if len(results.of[key]) < most][: min(_ROUND, cost)]
            if not wanted:
                break
            for configuration in wanted:
                results.train(world, configuration)
            cost -= len(wanted)
        best = keys[np.argsort(-mean_C)][: self.top]
        fresh_CS = world.seen_CST[:, -self.seeds :, -1]
        return int(max(best, key=lambda key: fresh_CS[key].mean()))
