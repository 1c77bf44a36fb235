"""Searches on a table before their finals."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import optuna
from benchmarks.replay.proposals import PAIRED, Proposals
from benchmarks.replay.world import World


class Trained(NamedTuple):
    """What a search learned by some epochs of training.

    Attributes:
        configuration: its number in the table.
        values: at the end, of each seed; empty where it was pruned.
        cost: of the search up to here, in whole trainings.
    """

    configuration: int
    values: tuple[float, ...]
    cost: float


@dataclass(frozen=True)
class Search:
    """How configurations are proposed and trained.

    Attributes:
        sampler, pruner: as study.yaml names them; of a pruner over seeds ``PAIRED``.
        under_way: trials that are trained at once, in two populations or one by one.
        seeds: of each trial, at most.
    """

    sampler: str
    pruner: str = "none"
    under_way: int = 16
    seeds: int = 1

    def __str__(self) -> str:
        pruned = "" if self.pruner == "none" else f" {self.pruner}"
        seeds = "" if self.seeds == 1 else f" {self.seeds} seeds"
        return f"{self.sampler}{pruned}{seeds} {self.under_way} under way"

    def run(self, world: World, draw: int, cost: float) -> list[Trained]:
        """Everything that is learned until a cost is reached."""
        return list(self._run(world, draw, cost))

    def _run(self, world: World, draw: int, most: float) -> Iterator[Trained]:
        proposals = Proposals(world.table, self.sampler, self.pruner, draw)
        waiting: deque[list[tuple[optuna.Trial, int]]] = deque()
        population = max(1, self.under_way // 2)
        cost = 0.0
        while cost < most:
            while len(waiting) * population < self.under_way:
                waiting.append([proposals.ask() for _ in range(population)])
            for trial, chosen in waiting.popleft():
                values_ST = world.seen_CST[chosen, : self.seeds]
                if self.pruner == PAIRED:
                    values_ST = values_ST[: proposals.seeds(trial, values_ST[:, -1])]
                curve_T, epochs = values_ST.mean(axis=0), world.epochs
                if self.pruner != PAIRED:
                    epochs = proposals.epochs(trial, curve_T)
                cost += len(values_ST) * epochs / world.epochs
                if epochs < world.epochs:
                    yield Trained(chosen, (), cost)
                else:
                    proposals.tell(trial, float(curve_T[-1]))
                    yield Trained(chosen, tuple(map(float, values_ST[:, -1])), cost)
