"""When the hyperparameters of a training have a meaning, and what a study may say of them."""

from typing import Any

import pytest

from moe_search.errors import UserError
from moe_search.spec import Study, check_study
from moe_search.spec.kinds.schedules import SCHEDULES

RATIO = {"low": 0.1, "high": 0.5}


def study(training: dict[str, Any], **sections: Any) -> Study:
    return check_study({"name": "a", "data": "digits", "training": training, **sections})


def searched(training: dict[str, Any]) -> list[str]:
    return [parameter.path.removeprefix("training.") for parameter in study(training).parameters]


def test_momentum_is_of_gradient_descent() -> None:
    assert searched({"optimizer": "sgd", "momentum": RATIO}) == ["momentum"]
    assert searched({"optimizer": "adam", "momentum": RATIO}) == []
    assert study({"optimizer": "adamw", "momentum": 0.5}).configuration({}).training.momentum == 0.9
    both = study({"optimizer": {"choices": ["sgd", "adam"]}, "momentum": RATIO})
    _, momentum = both.parameters
    active = [momentum.is_active({"training.optimizer": name}) for name in ("sgd", "adam")]
    assert active == [True, False]


def test_steps_and_a_warmup_are_of_the_schedules_that_have_them() -> None:
    every = {"schedule": {"choices": [*SCHEDULES]}, "step_factor": RATIO, "warmup": RATIO}
    _, factor, warmup = study({**every, "step_epochs": 2}).parameters
    for name in SCHEDULES:
        given = {"training.schedule": name}
        assert factor.is_active(given) == (name == "step")
        assert warmup.is_active(given) == (name != "one_cycle")
    assert study({"schedule": "one_cycle", "warmup": 0.2}).configuration({}).training.warmup == 0


@pytest.mark.parametrize("key", ["label_smoothing", "clip", "warmup"])
def test_numbers_that_are_none_at_zero_are_searched(key: str) -> None:
    assert searched({key: RATIO}) == [key]


def test_choices_are_searched() -> None:
    assert searched({"class_weights": {"choices": ["none", "balanced"]}}) == ["class_weights"]
    assert searched({"early_stop": {"low": 2, "high": 5}}) == ["early_stop"]


def test_nothing_stops_early_without_a_validation_split() -> None:
    data, early = {"name": "digits", "validation": 0}, {"training": {"early_stop": 3}}
    for sections, place in (
        ({"configurations": {"a": early}}, "configurations.a.training"),
        ({"configurations": {"a": {}}, **early}, "training"),
    ):
        with pytest.raises(UserError) as caught:
            check_study({"name": "a", "data": data, **sections})
        assert str(caught.value) == (
            f"{place}.early_stop: judges by the validation split, and data.validation is 0; "
            "leave early_stop out, or give a validation split"
        )


def test_nothing_stops_early_by_samples_that_it_learns() -> None:
    early = {"training": {"early_stop": {"low": 0, "high": 3}}}
    with pytest.raises(UserError) as caught:
        check_study({"name": "a", "data": "digits", "finalists": {"retrain": "all"}, **early})
    assert str(caught.value) == (
        "finalists.retrain: all leaves no validation samples for training.early_stop to judge by; "
        "leave one of the two out"
    )
