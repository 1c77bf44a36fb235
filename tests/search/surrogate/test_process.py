"""The Gaussian process against its plain formulas."""

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from moe_search.search.surrogate.beliefs import believed
from moe_search.search.surrogate.cube import Floats
from moe_search.search.surrogate.process import LASTING, Process, Results

LENGTHS, SIGNAL, NOISE = np.array([0.4, 1.1]), 1.7, 0.2
LOGS = np.log(np.array([*LENGTHS, SIGNAL, NOISE]))
NUMBERS = np.array([False, False])


def drawn(count: int, seed: int = 0) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    place_ND = rng.random((count, 2))
    return place_ND, np.sin(5 * place_ND[:, 0]) + 0.1 * rng.normal(size=count)


def test_the_posterior_is_the_one_of_scikit_learn() -> None:
    place_ND, value_N = drawn(20)
    seeds_N = np.resize(np.array([1.0, 2.0, 3.0]), 20)
    kernel = ConstantKernel(SIGNAL) * Matern(LENGTHS, nu=2.5)
    plain = GaussianProcessRegressor(kernel, alpha=NOISE / seeds_N + 1e-6, optimizer=None)
    standard_N = (value_N - value_N.mean()) / value_N.std()
    place_CD = np.random.default_rng(1).random((7, 2))
    mean_C, deviation_C = plain.fit(place_ND, standard_N).predict(place_CD, return_std=True)
    process = Process.of(place_ND, NUMBERS, value_N, seeds_N, LOGS)
    found_C, spread_C = process.posterior(place_CD)
    np.testing.assert_allclose(found_C, value_N.mean() + value_N.std() * mean_C)
    np.testing.assert_allclose(spread_C, value_N.std() * deviation_C)


def test_what_is_under_way_changes_doubt_and_no_mean() -> None:
    place_ND, value_N = drawn(20)
    process = Process.fit(place_ND, NUMBERS, value_N, np.ones(20))
    far_CD = np.array([[0.5, 3.0]])
    mean_C, deviation_C = process.posterior(far_CD)
    found_C, spread_C = process.believing(far_CD).posterior(far_CD)
    assert found_C == pytest.approx(mean_C)
    assert spread_C < deviation_C
    assert deviation_C > process.posterior(place_ND)[1].max()


def test_the_fit_tells_noise_from_signal() -> None:
    rng = np.random.default_rng(2)
    place_ND = rng.random((60, 2))
    smooth_N, ones_N = np.sin(4 * place_ND[:, 0]), np.ones(60)
    sure = Process.fit(place_ND, NUMBERS, smooth_N, ones_N)
    noisy_N = smooth_N + rng.normal(size=60)
    doubtful = Process.fit(place_ND, NUMBERS, noisy_N, ones_N)
    assert np.exp(sure.logs[-1]) < 0.1
    assert np.exp(doubtful.logs[-1]) > 0.4
    believed_N, _ = doubtful.posterior(place_ND)
    seen, cleared = (np.corrcoef(smooth_N, one_N)[0, 1] for one_N in (noisy_N, believed_N))
    assert cleared > seen + 0.1


def test_kinds_that_differ_are_equally_far() -> None:
    place_ND = np.array([[0.1], [0.5], [0.9]])
    process = Process.of(
        place_ND, np.array([True]), np.array([1.0, 0.0, -1.0]), np.ones(3), LOGS[1:]
    )
    means, _ = process.posterior(np.array([[0.3], [0.7]]))
    assert means[0] == pytest.approx(means[1])


def test_worth_is_the_conditional_mean_with_effects_of_seeds() -> None:
    place_CD, _ = drawn(6, seed=3)
    results = Results(
        np.array([0, 1, 2, 3, 4, 5, 0, 1, 0]),
        np.array([4, 4, 4, 4, 4, 4, 5, 5, 7]),
        np.random.default_rng(4).normal(size=9),
        np.array([1.0, 1, 1, 1, 1, 1, 2, 1, 1]),
    )
    process = Process.of(place_CD[results.which_R], NUMBERS, results.value_R, results.seeds_R, LOGS)
    kernel = ConstantKernel(SIGNAL) * Matern(LENGTHS, nu=2.5)
    truth_CC = kernel(place_CD) + (LASTING * NOISE + 1e-6) * np.eye(6)
    pick_RC = np.eye(6)[results.which_R]
    shift_RS = np.array([[float(seed == other) for other in (5, 7)] for seed in results.seed_R])
    cov_RR = pick_RC @ truth_CC @ pick_RC.T + NOISE * shift_RS @ shift_RS.T
    cov_RR += np.diag((1 - LASTING) * NOISE / results.seeds_R)
    weight_CR = truth_CC @ pick_RC.T @ np.linalg.inv(cov_RR)
    mean_C, deviation_C = process.worth(place_CD, results)
    centre = results.value_R.mean()
    np.testing.assert_allclose(mean_C, centre + weight_CR @ (results.value_R - centre))
    variance_CC = truth_CC - weight_CR @ pick_RC @ truth_CC
    np.testing.assert_allclose(deviation_C, results.value_R.std() * np.sqrt(np.diag(variance_CC)))


def test_luck_is_not_believed() -> None:
    """Among equals one lucky value; elsewhere a region that is good as a whole."""
    rng = np.random.default_rng(5)
    place_CD = np.column_stack([np.linspace(0, 1, 40), rng.random(40)])
    value_C = np.where(place_CD[:, 0] > 0.7, 1.0, 0.0) + 0.2 * rng.normal(size=40)
    value_C[5] = 1.9
    which = np.arange(40)
    results = Results(which, np.zeros_like(which), value_C, np.ones(40))
    mean_C, _ = believed(place_CD, NUMBERS, results)
    assert value_C.argmax() == 5
    assert place_CD[mean_C.argmax(), 0] > 0.7
    assert mean_C[5] < 1.2
