"""The rounds of the finals: who gets which fresh seeds, and when it is decided."""

import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fake_workers import Fails, decomposition
from support.finalist_records import finalist_record
from support.study_runs import check_ledger, run, runs, study_in

from moe_search.engine.trial import TrialSpec
from moe_search.errors import UserError
from moe_search.moe.decomposition import Decomposition
from moe_search.report.text.asked import study_facts
from moe_search.search.ledger import FinalistRecord, StudyRecord
from moe_search.search.outlook.size import size_of
from moe_search.search.racing.rounds import next_round
from moe_search.search.ranking import finalists
from moe_search.search.study_store import find_study
from moe_search.spec import Study
from moe_search.spec.file.load import check_study
from moe_search.spec.sections import Finalists

SEEDS = list(range(100, 160))
Pair = tuple[int, int]


def asked(finals: Finalists) -> Study:
    """A search with such finals."""
    return Study.model_validate(
        {
            "name": "s",
            "data": "digits",
            "model": {"experts": {"low": 2, "high": 9}},
            "objective": {"maximize": {"accuracy": 1.0}},
            "finalists": finals,
        }
    )


def played(
    finals: Finalists, value: Callable[[int, int], float], lost: frozenset[Pair] = frozenset()
) -> list[list[Pair]]:
    """The rounds from the first to the last."""
    records: list[FinalistRecord] = []
    found: list[list[Pair]] = []
    study, trials = asked(finals), range(finals.top)
    while pairs := next_round(study, trials, SEEDS, records, lost):
        found.append(pairs)
        records += [finalist_record(*pair, value(*pair)) for pair in pairs]
    return found


def apart(trial: int, seed: int) -> float:
    sign = -1 if trial % 2 else 1
    return 0.9 - 0.1 * trial + sign * 0.001 * (seed * 7 % 5)


def alike(trial: int, seed: int) -> float:
    return float(np.random.default_rng([trial, seed]).normal(0.9, 0.01))


def seeds_of(rounds: list[list[Pair]]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for pairs in rounds:
        for trial, seed in pairs:
            found.setdefault(trial, []).append(seed)
    return found


def test_one_that_is_told_apart_alone_gets_all_its_seeds() -> None:
    rounds = played(Finalists(top=3, seeds=5), apart)
    assert rounds[0] == [(trial, seed) for trial in range(3) for seed in SEEDS[:2]]
    assert seeds_of(rounds) == {0: SEEDS[:5], 1: SEEDS[:2], 2: SEEDS[:2]}


def test_equals_are_trained_until_the_budget_is_spent() -> None:
    rounds = played(Finalists(top=2, seeds=3, budget=19), alike)
    assert seeds_of(rounds) == dict.fromkeys((0, 1), SEEDS[:9])
    assert [len(pairs) for pairs in rounds] == [4, 2, 2, 4, 6]


def test_without_a_race_all_have_the_same_seeds_at_once() -> None:
    (pairs,) = played(Finalists(top=3, seeds=5, race=False), apart)
    assert pairs == [(trial, seed) for trial in range(3) for seed in SEEDS[:5]]
    (pairs,) = played(Finalists(top=1, seeds=5), apart)
    assert pairs == [(0, seed) for seed in SEEDS[:5]]


@given(
    st.integers(2, 5),
    st.integers(1, 5),
    st.integers(0, 20),
    st.randoms(use_true_random=False),
    st.sets(st.tuples(st.integers(0, 4), st.sampled_from(SEEDS[:3])), max_size=3),
)
def test_the_budget_holds_and_finals_that_go_on_decide_as_those_that_ran_through(
    top: int, seeds: int, more: int, random: Any, lost: set[Pair]
) -> None:
    finals = Finalists(top=top, seeds=seeds, budget=top + more)
    rounds = played(finals, alike, frozenset(lost))
    pairs = [pair for one in rounds for pair in one]
    assert len(set(pairs)) == len(pairs) <= finals.trainings
    assert not lost & set(pairs)
    for trial, got in seeds_of(rounds).items():
        assert sorted(got) == [seed for seed in SEEDS if seed in got]
        assert trial < top
    for n, whole in enumerate(rounds):  # a death in this round
        before = [finalist_record(*pair, alike(*pair)) for one in rounds[:n] for pair in one]
        some = random.sample(whole, random.randrange(len(whole)))
        known = before + [finalist_record(t, s, alike(t, s)) for t, s in some]
        left = next_round(asked(finals), range(top), SEEDS, known, lost)
        assert left == [pair for pair in whole if pair not in some]


def test_a_study_that_was_judged_with_the_same_seeds_each_trains_no_more() -> None:
    """As an earlier version left it."""
    finals = Finalists(top=3, seeds=5)
    records = [finalist_record(t, s, alike(t, s)) for t in range(3) for s in SEEDS[:5]]
    assert next_round(asked(finals), range(3), SEEDS, records, set()) == []


def study_of(folder: Path, choices: Mapping[str, Any] | None = None, **finals: Any) -> Study:
    return study_in(
        folder,
        model={"experts": 2, "temperature": choices or {"choices": [0.5, 1.0, 2.0]}},
        objective={"maximize": {"accuracy": 1.0}},
        search={"sampler": "grid", "workers": 2, "population": 2},
        finalists={"top": 3, "seeds": 4, **finals},
    )


@pytest.mark.parametrize(
    ("sections", "races"),
    [
        ({}, True),
        ({"finalists": {"race": False}}, False),
        ({"finalists": {"top": 1}}, False),
        ({"search": {"trials": 1}}, False),
        ({"objective": {"pareto": ["accuracy", "sample_entropy"]}}, False),
    ],
)
def test_where_several_race_it_is_said_and_counted(sections: dict[str, Any], races: bool) -> None:
    model = {"experts": {"low": 2, "high": 9}}
    study = check_study({"name": "s", "data": "digits", "model": model} | sections)
    assert study.finals_race == races
    assert ("that may win" in dict(study_facts(study))["finalists"]) == races
    count = study.finalists.trainings if races else min(study.finalists.top, study.trials) * 5
    assert size_of(study).trainings == study.trials + count


def lucky(spec: TrialSpec, epoch: int) -> Decomposition:
    """The cold one was lucky in the search; a seed does a little of its own to each."""
    temperature, final = spec.configuration.model.temperature, spec.seed >= 1_000_000
    luck = 0.3 if temperature == 0.5 and not final else 0.0
    noise = 0.002 * ((spec.seed * 7 + int(temperature * 2)) % 3)
    return decomposition(2, 0.5 + 0.1 * temperature + luck + noise)


def test_finals_of_a_study_race(study_folder: Path) -> None:
    study = study_of(study_folder)
    done = run(study, lucky)
    first, second, third = finalists(study.objective, find_study(study))
    assert (first.champion, first.seeds, first.out) == (True, 4, False)
    assert (second.seeds, third.seeds) == (2, 2)
    assert second.out
    assert second.lead.high < 0
    assert third.chosen == max(
        one.chosen for one in (first, second, third)
    )  # and was the lucky one
    assert third.chosen - third.value > 0.25
    jobs = [job for job in done.workers.jobs if job.test]
    assert sum(len(job.trials) for job in jobs) == 8
    assert not run(study, lucky).workers.jobs
    check_ledger(study)


def test_a_race_that_was_interrupted_goes_on(study_folder: Path) -> None:
    def interrupted(spec: TrialSpec, epoch: int) -> Decomposition:
        if spec.seed == 1_000_002 and epoch == 2:
            signal.raise_signal(signal.SIGINT)
        return lucky(spec, epoch)

    study = study_of(study_folder)
    assert run(study, interrupted).ended.interrupted
    record = StudyRecord.of(find_study(study))
    assert len(record.finalists) == 6
    assert record.champion is None
    done = run(study, lucky)
    assert [spec.seed for job in done.workers.jobs for spec in job.trials] == [1_000_002, 1_000_003]
    assert len(runs(study, "finalist")) == 8
    check_ledger(study)


def test_a_finalist_that_fails_does_not_hold_up_the_race(study_folder: Path) -> None:
    def fails(spec: TrialSpec, epoch: int) -> Decomposition:
        if spec.seed == 1_000_001 and spec.configuration.model.temperature == 2.0:
            raise Fails("no luck")
        return lucky(spec, epoch)

    study = study_of(study_folder)
    run(study, fails)
    first, *_ = finalists(study.objective, find_study(study))
    assert (first.champion, first.seeds) == (True, 3)


@pytest.mark.parametrize(
    ("finals", "says"),
    [
        ({"race": "off", "budget": 20}, "finalists.budget: is for finalists that race"),
        ({"top": 3, "budget": 2}, "finalists.budget: 2 is less than a model for each of 3"),
        ({"race": 3}, "finalists.race: expected on or off; got 3"),
    ],
)
def test_mistakes(finals: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        check_study({"name": "a", "data": "digits", "finalists": finals})
