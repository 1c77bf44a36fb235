"""How much a study is to train, and about how long that takes."""

from pathlib import Path

import pytest

from moe_search.errors import UserError
from moe_search.search.outlook import estimate as estimating
from moe_search.search.outlook.estimate import estimate
from moe_search.search.outlook.size import size_of
from moe_search.spec import Study


def study(**sections: object) -> Study:
    return Study.model_validate({"name": "s", "data": "digits", **sections})


def test_every_seed_of_every_trial_and_finalist_is_a_training() -> None:
    found = size_of(
        study(
            model={"experts": {"low": 2, "high": 8}},
            training={"epochs": 7},
            search={"trials": 10, "seeds": 3},
            finalists={"top": 2, "seeds": 5},
        )
    )
    assert found.trainings == 10 * 3 + 2 * 5
    assert found.epochs == (40 * 7, 40 * 7)
    assert found.sample_epochs(100) == (28_000, 28_000)


def test_a_study_that_searches_nothing_has_one_trial_and_one_finalist() -> None:
    found = size_of(study(training={"epochs": 3}, finalists={"top": 3, "seeds": 2}))
    assert found.trainings == 1 + 2
    again = study(training={"epochs": 3}, finalists={"top": 3, "seeds": 2, "retrain": "all"})
    assert size_of(again).trainings == 1 + 2 + 2


def test_finalists_that_race_are_as_many_trainings_as_their_budget() -> None:
    space = {"model": {"experts": {"low": 2, "high": 8}}}
    for finalists, trainings in (
        ({"top": 3, "seeds": 5, "budget": 4}, 4),
        ({"top": 3, "seeds": 5, "budget": 20}, 20),
        ({"top": 3, "seeds": 5, "race": False}, 15),
        ({"top": 1, "seeds": 5, "budget": 20}, 5),
    ):
        found = size_of(study(**space, search={"trials": 10}, finalists=finalists))
        assert found.trainings == 10 + trainings, finalists


@pytest.mark.parametrize(
    ("training", "least", "most"),
    [
        ({"epochs": {"low": 3, "high": 10, "step": 2}}, 3, 9),
        ({"epochs": {"choices": [9, 4, 6]}}, 4, 9),
        ({"epochs": 5, "retrain_experts": {"choices": ["none", "new"]}}, 5, 10),
        ({"epochs": 4, "pretraining": "peeking", "pretraining_epochs": 6}, 10, 10),
        (
            {
                "epochs": 4,
                "pretraining": {"choices": ["none", "peeking"]},
                "pretraining_epochs": {"low": 2, "high": 6},
            },
            4,
            10,
        ),
    ],
)
def test_searched_epochs_are_counted_from_the_least_to_the_most(
    training: dict[str, object], least: int, most: int
) -> None:
    found = size_of(study(training=training, search={"trials": 1}, finalists={"top": 0}))
    assert found.epochs == (least, most)


def test_of_a_comparison_every_row_counts_with_its_own_epochs_and_seeds() -> None:
    rows = {
        "short": {"training": {"epochs": 2}},
        "long": {"training": {"epochs": 10}, "seeds": 3},
    }
    found = size_of(study(configurations=rows, search={"seeds": 5}))
    assert found.trainings == 5 + 3
    assert found.epochs == (5 * 2 + 3 * 10,) * 2


def test_an_estimate_counts_trainings_epochs_and_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimating, "_start", lambda asked: asked)
    monkeypatch.setattr(estimating, "_answer", lambda asked: [0.5] * len(asked.configurations))
    asked = study(
        model={"experts": {"low": 2, "high": 8}},
        training={"epochs": 6},
        search={"trials": 10, "workers": 2},
        finalists={"top": 1, "seeds": 2},
    )
    found = estimate(asked)
    assert found.seconds == pytest.approx(12 * 6 * 0.5 / 2)
    assert (found.workers, found.population) == (2, 8)


def test_what_trains_elsewhere_is_not_timed_here() -> None:
    with pytest.raises(UserError, match=r"--set search\.executor=local"):
        estimate(study(search={"executor": {"ray": {}}}))


@pytest.mark.slow
def test_every_kind_of_network_can_be_timed(tmp_path: Path) -> None:
    rows = {
        "similar": {"regularizer": {"kind": "similarity", "weight": 0.1, "features": "network"}},
        "stages": {
            "training": {"pretraining": "class_groups", "class_groups": "even", "distill": True},
            "model": {"gate": "attentive"},
        },
    }
    compared = study(
        model={"experts": 2},
        training={"epochs": 1},
        configurations=rows,
        search={"seeds": 2, "workers": 1},
    )
    found = estimate(compared)
    assert 0 < found.seconds < 60
    assert found.configurations == 2
