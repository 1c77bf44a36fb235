"""What configurations are believed to be worth, where there are more trials than are looked at."""

from statistics import fmean

import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from moe_search.search.ledger import TrialRecord
from moe_search.search.surrogate import beliefs
from moe_search.spec import Study

PATH = "model.temperature"
STUDY = Study.model_validate(
    {"name": "a", "data": "digits", "model": {"temperature": {"low": 0.5, "high": 1.5}}}
)


def trial(number: int, temperature: float, seed: int, value: float) -> FrozenTrial:
    configuration = STUDY.configuration({PATH: temperature})
    found = create_trial(
        state=TrialState.COMPLETE,
        params={PATH: temperature},
        distributions={PATH: FloatDistribution(0.5, 1.5)},
        user_attrs=TrialRecord(configuration=configuration, seed=seed).attributes(),
        value=value,
    )
    found.number = number
    return found


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(beliefs, "_MOST", 12)
    return 12


def test_a_lucky_value_is_taken_back_by_its_other_seeds(looked_at: int) -> None:
    """The lucky one is among the best by one value, and far from them by its mean."""
    even = [trial(n, 0.5 + n / 20, 0, 0.9 + 0.001 * n) for n in range(looked_at)]
    lucky = [trial(90, 1.4, 0, 1.0), *(trial(91 + n, 1.4, 1 + n, 0.2) for n in range(3))]
    found = beliefs.beliefs(STUDY, [*even, *lucky])
    assert {found[one.number] for one in lucky} == {found[90]}, "one configuration, one belief"
    assert found[90][0] == pytest.approx(fmean(one.values[0] for one in lucky))
    assert max(found, key=lambda number: found[number][0]) < looked_at


def test_one_configuration_with_more_trials_than_are_looked_at(looked_at: int) -> None:
    even = [trial(n, 0.5 + n / 20, 0, 0.5) for n in range(3)]
    best = [trial(90 + seed, 1.4, seed, 0.9) for seed in range(looked_at + 5)]
    found = beliefs.beliefs(STUDY, [*even, *best])
    assert found.keys() == {one.number for one in (*even, *best)}
    assert len({found[one.number] for one in best}) == 1
    assert found[90][0] > 0.7


def test_a_configuration_is_looked_at_with_all_its_seeds(looked_at: int) -> None:
    even = [trial(n, 0.5 + n / 20, 0, 0.5) for n in range(looked_at)]
    best = [trial(90 + seed, 1.4, seed, 0.9 - 0.2 * seed) for seed in range(3)]
    found = beliefs.beliefs(STUDY, [*even, *best])
    assert len({found[one.number] for one in best}) == 1
    assert found[90][0] < 0.9, "not only its best seed counts"
