"""The parts of search.py: what it concludes depends on them."""

import numpy as np
import pytest
from benchmarks.replay.proposals import Candidates
from benchmarks.replay.searching import Search
from benchmarks.replay.table import TABLES, Table
from benchmarks.replay.world import World

from moe_search.search.surrogate.process import Process

NAMES = sorted(path.stem for path in TABLES.glob("*.npz"))


@pytest.fixture(scope="module")
def table() -> Table:
    return Table.load("breast_cancer")


@pytest.mark.parametrize("name", NAMES)
def test_tables_are_small_and_whole(name: str) -> None:
    assert (TABLES / f"{name}.npz").stat().st_size < 300_000
    table = Table.load(name)
    assert table.objective_CST.shape[0] == len(table.cube_CD) == len(table.values)
    assert np.isfinite(table.objective_CST).all()


def test_a_proposal_gets_the_nearest_that_is_left(table: Table) -> None:
    candidates = Candidates(table)
    assert candidates.take(dict(table.values[7])) == 7
    second = candidates.take(dict(table.values[7]))
    assert second != 7
    kinds = ("model.gate", "regularizer.kind")
    assert [table.values[second][path] for path in kinds] == [
        table.values[7][path] for path in kinds
    ]


def test_a_search_sees_no_seed_of_the_truth(table: Table) -> None:
    world = World(table, draw=0, held_out=3)
    final_CS = table.objective_CST[:, :, -1]
    seen_CS = world.seen_CST[:, :, -1]
    assert seen_CS.shape[1] == final_CS.shape[1] - 3
    hidden_C = final_CS.sum(axis=1) - seen_CS.sum(axis=1)
    np.testing.assert_allclose(np.diff(3 * world.truth_C), np.diff(hidden_C), atol=1e-9)


def test_pruned_trials_cost_their_epochs_only(table: Table) -> None:
    trained = Search("random", pruner="median").run(World(table, 0, 3), 0, cost=24)
    costs = np.diff([0, *(one.cost for one in trained)])
    assert all(
        cost == pytest.approx(1) for one, cost in zip(trained, costs, strict=True) if one.values
    )
    assert any(not one.values and cost < 1 for one, cost in zip(trained, costs, strict=True))


def test_the_process_agrees_with_the_formula() -> None:
    rng = np.random.default_rng(0)
    place_ND, kinds_D = rng.random((20, 2)), np.array([False, False])
    value_N = np.sin(5 * place_ND[:, 0])
    process = Process.fit(place_ND, kinds_D, value_N, np.ones(20))
    mean_N, deviation_N = process.posterior(place_ND)
    np.testing.assert_allclose(mean_N, value_N, atol=0.1)
    far_CD = np.array([[0.5, 3.0]])
    assert process.posterior(far_CD)[1] > deviation_N.max()
    assert process.believing(far_CD).posterior(far_CD)[1] < process.posterior(far_CD)[1]
    assert process.believing(far_CD).posterior(far_CD)[0] == pytest.approx(
        process.posterior(far_CD)[0]
    )


def test_the_process_beats_random_draws(table: Table) -> None:
    found = {}
    for sampler in ("random", "noisy-gp"):
        trained = Search(sampler, under_way=4).run(World(table, 0, 3), 0, cost=32)
        found[sampler] = np.mean([one.values[0] for one in trained[16:]])
    assert found["noisy-gp"] > found["random"] + 0.01
