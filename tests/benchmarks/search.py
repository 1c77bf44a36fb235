"""Which search finds the best champion: searches replayed on tables of real results.

``python tests/benchmarks/search.py digits`` prints, for every policy, by how much the champion is
worse than the best there is, at equal cost, mean and 95 % interval over replays. What was searched
is kept in a folder; remove that where a table or a search has changed. A cost is counted in
sample-epochs, written as whole trainings, and holds everything: searches, further seeds, finals.

- **The truth** of a champion is its mean over seeds that no search of that replay sees. The best
  there is is the largest mean that a Gaussian process over all results of the table believes in.
- **A proposal** gets the nearest configuration of the table that was not trained before, and the
  sampler is told that one's hyperparameters. So a sampler that would refine a good point by less
  than the distance of the table's points gains nothing by that here.
- **Replays** differ in the order of the seeds and in the sampler's draws. They are the same for all
  policies, so differences are paired. They share one table, whose luck they all share.
"""

import argparse
import json
import sys
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import optuna

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.replay.finals import Finals, Fresh, Halving, Posterior, Raw, Results
from benchmarks.replay.plot import Curve, draw_panels
from benchmarks.replay.proposals import PAIRED
from benchmarks.replay.searching import Search, Trained
from benchmarks.replay.table import TABLES, Floats, Table
from benchmarks.replay.world import World, best, half_width

HELD_OUT = 0.3  # of the seeds
FOLDER = Path(tempfile.gettempdir()) / "replays"


@dataclass(frozen=True)
class Policy:
    """A search and the finals after it; those that share a search are replayed together."""

    search: Search
    finals: Finals

    def __str__(self) -> str:
        return f"{self.search}, {self.finals}"


def policies(earlier: Finals, fresh: int) -> list[Policy]:
    """What is compared, the default of version 0.1 first.

    Args:
        earlier: its finals, as the study's file has them.
        fresh: seeds of finals after a race, which the table has besides those of the race.
    """
    before = Search("tpe", pruner="hyperband")
    own, random = Search("noisy-gp"), Search("random")
    tpe, gp = Search("tpe"), Search("gp")
    several = [replace(tpe, seeds=seeds) for seeds in (2, 3)]
    several.append(replace(tpe, seeds=fresh + 2, pruner=PAIRED))
    both: list[Finals] = [Raw(), earlier]
    posterior = [Posterior(share, 3, fresh) for share in (0.1, 0.0, 0.2)]
    ours: list[Finals] = [*posterior, Halving(0.25, 8)]
    return [
        *(Policy(before, finals) for finals in (earlier, Raw(), *posterior[:2])),
        *(Policy(random, finals) for finals in (*both, *ours)),
        *(Policy(own, finals) for finals in (*ours, *both)),
        *(Policy(replace(own, under_way=8), finals) for finals in (*ours, *both)),
        *(Policy(replace(own, pruner="hyperband"), finals) for finals in (*posterior[:2], *both)),
        *(Policy(tpe, finals) for finals in (*both, *ours)),
        *(Policy(search, Raw()) for search in several),
        *(
            Policy(search, finals)
            for search in (replace(tpe, under_way=1), replace(tpe, pruner="median"))
            for finals in both
        ),
        *(
            Policy(search, finals)
            for search in (Search("qmc"), Search("cma-es"), gp)
            for finals in (*both, posterior[0])
        ),
    ]


def held_out(table: Table) -> int:
    """Seeds for the truth."""
    return round(HELD_OUT * len(table.objective_CST[0]))


def trained(folder: Path, search: Search, world: World, draw: int, cost: float) -> list[Trained]:
    """What a search learns; what it did in an earlier run of this script is not done again."""
    name = world.table.study.name
    path = folder / f"{name} {search} {cost:g}".replace(" ", "-") / f"{draw}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(search.run(world, draw, cost)))
    return [Trained(key, tuple(values), at) for key, values, at in json.loads(path.read_text())]


def replay(
    table: Table, costs: Sequence[float], alike: Sequence[Policy], replays: int, folder: Path
) -> Floats:
    """The true values [policy, cost, replay] of the champions of policies with one search."""
    truth = np.empty((len(alike), len(costs), replays))
    for draw in range(replays):
        world = World(table, draw, held_out(table))
        log = trained(folder, alike[0].search, world, draw, max(costs))
        for (row, policy), (column, cost) in product(enumerate(alike), enumerate(costs)):
            own = policy.finals.cost(cost)
            results = Results([one for one in log if one.cost <= cost - own + 1e-9])
            champion = policy.finals.champion(world, results, int(own))
            truth[row, column, draw] = world.truth_C[champion]
    return truth


def cost_to(gap: float, gaps: Floats, costs: Sequence[float]) -> str:
    """The least cost at which a mean gap is as small as that, between those replayed."""
    for n, (found, cost) in enumerate(zip(gaps, costs, strict=True)):
        if found <= gap:
            if n == 0:
                return f"<{cost:.0f}"
            share = (gaps[n - 1] - gap) / (gaps[n - 1] - found)
            return f"{costs[n - 1] + share * (cost - costs[n - 1]):.0f}"
    return f">{costs[-1]:.0f}"


def line(
    policy: Policy, truth: Floats, today: Floats, top: float, random: float, costs: Sequence[float]
) -> str:
    """One policy's row of the table."""
    gaps = top - truth.mean(axis=1)
    cells = [
        f"{1000 * gap:5.1f} ({1000 * gained.mean():+5.1f} ± {1000 * half_width(gained):.1f})"
        for gap, gained in zip(gaps, truth - today, strict=True)
    ]
    reached = [cost_to(share * random, gaps, costs) for share in (0.25, 0.1)]
    return f"| {policy!s:46} | {' | '.join([*cells, *reached])} |"


def compare(
    table: Table, costs: Sequence[float], replays: int, folder: Path, only: str
) -> dict[str, Curve]:
    """Replay and print version 0.1's default, random search, and those whose names hold a word."""
    finals = table.study.finalists
    fresh = min(finals.seeds, len(table.objective_CST[0]) - held_out(table) - 1)
    wanted = policies(Fresh(finals.top, fresh), min(3, fresh - 1))
    top = best(table)
    print(f"{table.study.name}: the best there is {top:.4f}; gaps to it times 1000")
    print("(and what is gained on version 0.1's default, 95 % intervals); costs to 25 and 10 %")
    today, random = np.empty(0), np.nan
    curves: dict[str, Curve] = {}
    for search in dict.fromkeys(policy.search for policy in wanted):
        if only not in str(search) and search not in (wanted[0].search, Search("random")):
            continue
        alike = [policy for policy in wanted if policy.search == search]
        truths = replay(table, costs, alike, replays, folder)
        if not today.size:
            today = truths[0]
        if search == Search("random"):
            random = top - float(truths[0, len(costs) // 2].mean())
        for policy, truth in zip(alike, truths, strict=True):
            print(line(policy, truth, today, top, random, costs), flush=True)
            halves = [1000 * half_width(now) for now in truth]
            curves[str(policy)] = Curve(list(1000 * (top - truth.mean(axis=1))), halves)
    return curves


def main() -> None:
    """Print a line for every policy, table after table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    names = sorted(path.stem for path in TABLES.glob("*.npz"))
    parser.add_argument("tables", nargs="+", choices=names)
    parser.add_argument("--replays", type=int, default=100)
    parser.add_argument("--costs", type=float, nargs="+", default=[32, 48, 64])
    parser.add_argument("--only", default="", help="searches whose names hold this")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where searches are kept")
    parser.add_argument("--plot", type=Path, help="a picture to write")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    costs, kept = arguments.costs, arguments.folder
    panels = {
        name: compare(Table.load(name), costs, arguments.replays, kept, arguments.only)
        for name in arguments.tables
    }
    if arguments.plot:
        draw_panels(arguments.plot, panels, costs)


if __name__ == "__main__":
    main()
