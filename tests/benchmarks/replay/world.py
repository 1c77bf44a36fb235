"""What one replay sees of a table, and what it does not.

Shape suffixes: C configuration, S seed, T epoch.
"""

import numpy as np
from benchmarks.replay.proposals import Candidates
from benchmarks.replay.table import Floats, Table

from moe_search.search.surrogate.beliefs import believed
from moe_search.search.surrogate.process import Results


class World:
    """A table whose seeds are in another order.

    Args:
        table: the results.
        draw: decides the order.
        held_out: seeds at its end that no search sees.

    Attributes:
        table: the results.
        seen_CST: the objective from the seeds that a search may train from, after each epoch.
        truth_C: the mean of the objective over the seeds that it never sees, less what these seeds
            do to all configurations alike.
    """

    def __init__(self, table: Table, draw: int, held_out: int) -> None:
        objective_CST = table.objective_CST
        order_S = np.random.default_rng(draw).permutation(objective_CST.shape[1])
        self.table = table
        self.seen_CST = objective_CST[:, order_S[:-held_out]]
        final_CS = objective_CST[:, :, -1]
        alike_CS = final_CS - final_CS.mean(axis=0) + final_CS.mean()
        self.truth_C = alike_CS[:, order_S[-held_out:]].mean(axis=1)

    @property
    def epochs(self) -> int:
        """Of a whole training."""
        return len(self.seen_CST[0, 0])


def best(table: Table) -> float:
    """What the best configuration is worth, by a Gaussian process over all that is known.

    The largest of the means over seeds would be a lucky one.
    """
    final_CS = table.objective_CST[:, :, -1]
    seeds_C = np.full(len(final_CS), float(final_CS.shape[1]))
    candidates = Candidates(table)
    mean_C = final_CS.mean(axis=1)
    which_C = np.arange(len(mean_C))
    results = Results(which_C, np.zeros_like(which_C), mean_C, seeds_C)
    worth_C, _ = believed(candidates.place_CD, candidates.kinds_D, results)
    return float(worth_C.max())


def half_width(values: Floats) -> float:
    """Half of the 95 % interval of a mean over replays."""
    return float(1.96 * values.std(ddof=1) / np.sqrt(len(values)))
