"""The sampler with a Gaussian process, on functions that are known."""

from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from moe_search.search.ledger import set_constraints
from moe_search.search.samplers import make_sampler
from moe_search.search.samplers.noisy_gp import NoisyGPSampler
from moe_search.search.suggest import suggest
from moe_search.search.surrogate.beliefs import beliefs
from moe_search.spec import Study, Value, check_study

Values = dict[str, Value]
Worth = Callable[[Values, np.random.Generator], float]
SPACE = {
    "model": {"experts": {"low": 2, "high": 16}, "temperature": {"low": 0.3, "high": 3.0}},
    "regularizer": {
        "kind": {"choices": ["none", "importance", "similarity"]},
        "weight": {"low": 0.01, "high": 1.0, "log": True},
    },
}


def study(**sections: Any) -> Study:
    return check_study({"name": "a", "data": "digits", **SPACE, **sections})


def opened(of: Study, trials: int = 0) -> optuna.Study:
    return optuna.create_study(
        study_name="a", direction=of.objective.directions[0], sampler=make_sampler(of, trials)
    )


def warm(values: Values, rng: np.random.Generator) -> float:
    """Best at 2 degrees and without a regularizer; a step of noise hides a tenth of a degree."""
    kind = 0.0 if values["regularizer.kind"] == "none" else 0.3
    return -((float(values["model.temperature"]) - 2) ** 2) - kind + rng.normal(0, 0.05)


def search(of: Study, worth: Worth, count: int, under_way: int = 4) -> list[Values]:
    optuna_study, rng, found = opened(of), np.random.default_rng(0), []
    for _ in range(count // under_way):
        asked = [optuna_study.ask() for _ in range(under_way)]
        for trial in asked:
            found.append(suggest(trial, of))
            optuna_study.tell(trial, worth(found[-1], rng))
    return found


def test_the_first_fill_the_space() -> None:
    found = search(study(), warm, 8, under_way=8)
    for share in (0.3 + 2.7 * n / 4 for n in range(4)):
        assert any(share <= float(v["model.temperature"]) < share + 0.675 for v in found)
    kinds = [values["regularizer.kind"] for values in found]
    assert set(kinds) == {"none", "importance", "similarity"}


def test_the_later_are_good() -> None:
    found = search(study(), warm, 32)
    last = found[20:]
    near = [abs(float(values["model.temperature"]) - 2) < 0.5 for values in last]
    assert sum(near) >= 9
    assert sum(values["regularizer.kind"] == "none" for values in last) >= 9
    for values in found:
        assert ("regularizer.weight" in values) == (values["regularizer.kind"] != "none")


def test_those_of_a_batch_differ() -> None:
    of, rng = study(), np.random.default_rng(0)
    optuna_study = opened(of)
    for _ in range(8):
        trial = optuna_study.ask()
        optuna_study.tell(trial, warm(suggest(trial, of), rng))
    batch = [suggest(optuna_study.ask(), of) for _ in range(8)]
    assert len({values["model.experts"] for values in batch}) >= 3
    assert len({tuple(values.items()) for values in batch}) == 8


def test_constraints_are_kept() -> None:
    """The best lies where the constraint is missed."""
    constraints = {"max_expert_share": {"at_most": 0.5}}
    of = study(objective={"maximize": {"accuracy": 1.0}, "constraints": constraints})
    optuna_study, rng, kept = opened(of), np.random.default_rng(0), []
    for _ in range(32):
        trial = optuna_study.ask()
        values = suggest(trial, of)
        set_constraints(trial, [float(values["model.temperature"]) - 1.5])
        kept.append(float(values["model.temperature"]) <= 1.5)
        optuna_study.tell(trial, warm(values, rng))
    assert sum(kept[16:]) >= 12


def test_a_pruned_trial_counts_with_what_it_reported() -> None:
    of, rng = study(), np.random.default_rng(0)
    optuna_study = opened(of)
    for _ in range(24):
        trial = optuna_study.ask()
        worth = warm(suggest(trial, of), rng)
        if worth < -1:
            trial.report(worth, 1)
            optuna_study.tell(trial, state=TrialState.PRUNED)
        else:
            optuna_study.tell(trial, worth)
    states = [trial.state for trial in optuna_study.trials]
    assert TrialState.PRUNED in states
    assert states[12:].count(TrialState.PRUNED) <= 2


@pytest.mark.parametrize(
    ("sections", "own"),
    [
        ({}, True),
        ({"search": {"trials": 501}}, False),
        ({"objective": {"pareto": ["accuracy", "usage_entropy"]}}, False),
    ],
)
def test_what_auto_is(sections: dict[str, Any], own: bool) -> None:
    assert isinstance(make_sampler(study(**sections), 0), NoisyGPSampler) == own


def test_what_is_believed_of_a_study_knows_its_neighbours_and_all_seeds() -> None:
    of, rng = study(), np.random.default_rng(1)
    optuna_study = opened(of)
    for number in range(30):
        trial = optuna_study.ask()
        values = suggest(trial, of)
        trial.set_user_attr("configuration", of.configuration(values).model_dump_json())
        trial.set_user_attr("seed", 0)
        luck = 3.0 if number == 3 else 0.0
        optuna_study.tell(trial, warm(values, rng) + luck)
    trials = optuna_study.trials
    assert optuna_study.best_trial.number == 3
    found = beliefs(of, trials)
    assert set(found) == set(range(30))
    assert found[3][0] < optuna_study.best_value - 1
    optuna_study.enqueue_trial(trials[3].params)
    again = optuna_study.ask()
    values = suggest(again, of)
    again.set_user_attr("configuration", of.configuration(values).model_dump_json())
    again.set_user_attr("seed", 1)
    optuna_study.tell(again, warm(values, rng))
    surer = beliefs(of, optuna_study.trials)
    assert surer[3] == surer[30]
    assert surer[3][1] < found[3][1]
    assert surer[3][0] < found[3][0]
    assert beliefs(of, trials[:7]) == {}
    assert beliefs(study(objective={"pareto": ["accuracy", "usage_entropy"]}), trials) == {}
