"""How a search decided, found again from its trials."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import FrozenTrial, create_trial

from moe_search.report.results.decisions import Decisions, decisions
from moe_search.report.results.study import read_report
from moe_search.search.ledger import StudyRecord
from moe_search.search.racing.replicates import in_line
from moe_search.search.suggest import suggest
from moe_search.search.surrogate.beliefs import beliefs
from moe_search.spec import Study

START = datetime(2026, 1, 1)


def study_of(**sections: Any) -> Study:
    given = {
        "name": "s",
        "data": "digits",
        "model": {"experts": {"low": 2, "high": 99}, "temperature": {"low": 0.5, "high": 2.0}},
        **sections,
    }
    return Study.model_validate(given, context={"folder": Path("/folder")})


STUDY = study_of()


def trained(values: Sequence[float], further: dict[int, int] | None = None) -> list[FrozenTrial]:
    """Trials one after another: each is asked a second before it ends, and those that are further
    seeds have the number of the trial they repeat."""
    replicates = further or {}
    asked = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    trials: list[FrozenTrial] = []
    for number, value in enumerate(values):
        first = replicates.get(number)
        if first is None:
            trial = asked.ask()
            given = suggest(trial, STUDY)
            known = asked.get_trials(deepcopy=False)[trial.number]
        else:
            given, known = dict(trials[first].params), trials[first]
        before = sum(one == first for n, one in replicates.items() if n < number)
        attributes = {
            "configuration": STUDY.configuration(given).model_dump_json(),
            "seed": 0 if first is None else 1 + before,
            "replicate_of": first,
        }
        one = create_trial(
            value=value,
            params=known.params,
            distributions=known.distributions,
            user_attrs={name: known for name, known in attributes.items() if known is not None},
        )
        one.number = number
        one.datetime_start = START + timedelta(seconds=2 * number)
        one.datetime_complete = START + timedelta(seconds=2 * number + 1)
        trials.append(one)
    return trials


VALUES = [*np.random.default_rng(0).normal(0.9, 0.02, 12), 0.99, 0.9, 0.7, 0.95]
LUCKY, OTHER = 12, int(np.argmax(VALUES[:12]))
FURTHER = {13: OTHER, 14: LUCKY, 15: OTHER}
TRIALS = trained(VALUES, FURTHER)


def found(trials: Sequence[FrozenTrial] = TRIALS, study: Study = STUDY) -> Decisions:
    return decisions(study, trials, beliefs(study, trials))


def test_the_incumbent_is_the_best_by_all_trials_up_to_there() -> None:
    after = {one.after: one for one in found().incumbents}
    assert list(after) == list(range(7, 16)), "of fewer than eight trials nothing is believed"
    for last, incumbent in after.items():
        believed = beliefs(STUDY, TRIALS[: last + 1])
        assert (incumbent.mean, incumbent.deviation) == believed[incumbent.trial]
        assert incumbent.mean == max(mean for mean, _ in believed.values())
    assert after[12].trial == LUCKY
    assert after[15].mean < 0.97, "the lucky value is not believed"


def test_what_misses_a_constraint_is_no_incumbent_while_another_keeps_it() -> None:
    trials = trained(VALUES[:13])
    for trial in trials:
        trial.system_attrs["constraints"] = [1.0 if trial.number == LUCKY else -1.0]
    assert found(trials).incumbents[-1].trial != LUCKY


def test_a_step_of_the_race_is_what_the_search_knew_as_it_asked() -> None:
    race = found()
    assert race.steps == (13, 14, 15)
    lucky = next(racer for racer in race.racers if LUCKY in racer.trials)
    assert lucky.trials == (12, 14)
    assert lucky.further == (14,)
    assert lucky.before == lucky.believed[1] == beliefs(STUDY, TRIALS[:14])[LUCKY]
    assert lucky.believed[2:] == tuple(beliefs(STUDY, TRIALS[:end])[LUCKY] for end in (15, 16))


def test_what_had_not_ended_as_a_seed_was_asked_for_was_not_known() -> None:
    poor = int(np.argmin(VALUES[:12]))
    trials = trained(VALUES, {13: OTHER, 14: poor, 15: OTHER})
    (racer,) = (one for one in found(trials).racers if poor in one.trials)
    assert racer.dropped is not None
    trials[14].datetime_complete = trials[15].datetime_complete
    (racer,) = (one for one in found(trials).racers if poor in one.trials)
    assert racer.believed[2] == racer.believed[1]
    assert racer.dropped is None, "its own seed was under way: it could not have another"


def test_who_was_passed_over_was_dropped_by_what_the_other_was_ahead() -> None:
    lucky = next(racer for racer in found().racers if LUCKY in racer.trials)
    believed = beliefs(STUDY, TRIALS[:15])
    ahead = in_line(*believed[OTHER]) - in_line(*believed[LUCKY])
    assert ahead > 0
    assert lucky.dropped == (15, ahead)
    other = next(racer for racer in found().racers if OTHER in racer.trials)
    assert other.dropped is None


def test_the_leader_stands_first_and_others_behind_it() -> None:
    racers = found().racers
    believed = beliefs(STUDY, TRIALS)
    assert believed[racers[0].trial][0] == max(mean for mean, _ in believed.values())
    assert racers[0].behind == 0
    for racer in racers:
        assert racer.behind == pytest.approx(racers[0].believed[-1][0] - racer.believed[-1][0])  # type: ignore[index]


def test_a_long_search_is_asked_a_few_times() -> None:
    rng = np.random.default_rng(1)
    long = trained([*rng.normal(0.9, 0.02, 90), *[0.9] * 10], {90 + n: n for n in range(10)})
    race = found(long)
    assert len(race.incumbents) + len(race.steps) <= 20
    assert race.incumbents[0].after == 7
    assert race.incumbents[-1].after == 99
    assert {1, *race.steps} >= {90, 99}


@pytest.mark.parametrize(
    "study",
    [
        study_of(objective={"pareto": ["accuracy", "sample_entropy"]}),
        study_of(model={}, configurations={"a": {"model": {"experts": 2}}}),
    ],
    ids=["pareto", "comparison"],
)
def test_where_nothing_is_believed_nothing_is_said(study: Study) -> None:
    assert found(TRIALS, study) == Decisions()


def test_a_search_without_further_seeds_has_no_race() -> None:
    race = found(trained(VALUES[:13]))
    assert race.incumbents
    assert (race.steps, race.racers) == ((), ())


def test_a_study_whose_finals_an_earlier_version_began_decided_otherwise() -> None:
    kept = optuna.create_study(direction="maximize")
    kept.add_trials(TRIALS)
    assert read_report(STUDY, kept).decisions.incumbents
    finalist = {"trial": 0, "seed": 1, "experts": 4, "value": 0.9, "run_id": "r", "model_id": "m"}
    kept.set_user_attr("finalists", [{**finalist, "validation": {}, "test": {}}])
    report = read_report(STUDY, kept)
    assert not StudyRecord.of(kept).believed
    assert report.summary.finalists
    assert report.decisions == Decisions()
