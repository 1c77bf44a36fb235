"""The race of the search: replicates of configurations that may still be the best."""

import signal
from collections import Counter
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial
from support.fake_workers import Fails, Kills, decomposition
from support.study_runs import SPACE, check_ledger, run, study_in, trials

from moe_search.engine.trial import TrialSpec
from moe_search.errors import UserError
from moe_search.moe.decomposition import Decomposition
from moe_search.report.results.summary import summarize
from moe_search.report.text.search import best_table
from moe_search.search.ledger import StudyRecord, TrialRecord
from moe_search.search.racing.replicates import Replicates
from moe_search.search.ranking import best_configurations, finalists
from moe_search.search.study_store import find_study
from moe_search.spec import Study, check_study


@pytest.fixture(autouse=True)
def a_third_of_the_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Are replicates, so that short studies have some."""
    monkeypatch.setattr("moe_search.search.racing.replicates._SHARE", 1 / 3)


def racing(folder: Path, finals: int = 0, **search: Any) -> Study:
    return study_in(
        folder,
        objective={"maximize": {"accuracy": 1.0}},
        search={"trials": 12, "sampler": "random", "race": 4, **search},
        finalists={"top": finals},
    )


def noisy(spec: TrialSpec, epoch: int) -> Decomposition:
    """Hotter is better; a seed adds as much as a third of the range."""
    luck = (spec.seed * 7919 + int(spec.configuration.model.temperature * 1e4) * 31) % 100
    return decomposition(2, 0.5 + 0.1 * spec.configuration.model.temperature + 0.001 * luck)


def seeds_by_configuration(found: list[FrozenTrial]) -> dict[float, list[int]]:
    by: dict[float, list[int]] = {}
    for trial in found:
        by.setdefault(trial.params["model.temperature"], []).append(trial.user_attrs["seed"])
    return by


def replicates(found: list[FrozenTrial]) -> list[FrozenTrial]:
    return [trial for trial in found if TrialRecord.of(trial).replicate_of is not None]


def test_what_may_be_the_best_gets_more_seeds_each_in_a_trial_of_its_own(
    study_folder: Path,
) -> None:
    study = racing(study_folder)
    run(study, noisy)
    found = trials(study)
    assert Counter(trial.state for trial in found) == {TrialState.COMPLETE: 12}
    assert [trial.number for trial in replicates(found)] == [8, 9, 10, 11]
    by = seeds_by_configuration(found)
    assert len(by) == 12 - len(replicates(found))
    for seeds in by.values():
        assert sorted(seeds) == list(range(len(seeds)))
        assert len(seeds) <= 4
    for trial in replicates(found):
        first = found[TrialRecord.of(trial).replicate_of or 0]
        assert first.params == trial.params
        assert first.number < trial.number
        assert TrialRecord.of(first).replicate_of is None
    check_ledger(study)


def test_finals_of_a_study_that_goes_on_train_nothing_again(study_folder: Path) -> None:
    """Further seeds may be better than the trial by which a configuration became a finalist."""

    def rising(spec: TrialSpec, epoch: int) -> Decomposition:
        later = 0.01 * spec.seed if spec.seed < 10 else 0.0
        return decomposition(2, 0.5 + 0.1 * spec.configuration.model.temperature + later)

    for asked in (12, 18):
        study = racing(study_folder, finals=2, trials=asked)
        run(study, rising)
    found, records = trials(study), StudyRecord.of(find_study(study)).finalists
    trained = Counter((found[r.trial].params["model.temperature"], r.seed) for r in records)
    assert set(trained.values()) == {1}
    assert len({r.trial for r in records}) == len({temperature for temperature, _ in trained})


@pytest.mark.parametrize(
    ("state", "retry_of", "seed", "expected"),
    [
        pytest.param(TrialState.FAIL, 0, 0, (1, 1), id="its worker died, and it ran again"),
        pytest.param(TrialState.PRUNED, None, 1, (1, 0), id="pruned, and proposed again"),
    ],
)
def test_a_configuration_races_once_a_later_trial_of_it_has_a_value(
    state: TrialState, retry_of: int | None, seed: int, expected: tuple[int, int]
) -> None:
    model = {"temperature": {"low": 0.1, "high": 9.0}}
    given = {"name": "a", "data": "digits", "model": model, "search": {"trials": 12}}
    study = Study.model_validate(given)
    optuna_study = optuna.create_study(direction="maximize")
    live = Replicates(study, optuna_study)

    def add(
        temperature: float, state: TrialState, seed: int = 0, retry_of: int | None = None
    ) -> None:
        values = {"model.temperature": temperature}
        configuration = study.configuration(values)
        known = TrialRecord(configuration=configuration, seed=seed, retry_of=retry_of)
        number = len(optuna_study.trials)
        optuna_study.add_trial(
            create_trial(
                state=state,
                params=values,
                distributions={"model.temperature": FloatDistribution(0.1, 9.0)},
                value=temperature if state == TrialState.COMPLETE else None,
                user_attrs=known.attributes(),
            )
        )
        record = TrialRecord.of(optuna_study.trials[number])
        live.begin(number, record)
        if state == TrialState.COMPLETE:
            live.complete(number, record, temperature)
        elif state == TrialState.PRUNED:
            live.pruned(record)

    add(9.0, state)
    add(9.0, TrialState.COMPLETE, seed, retry_of)
    for n in range(8):
        add(1.0 + n / 10, TrialState.COMPLETE)
    assert live.next() == Replicates(study, optuna_study).next() == expected


def test_a_configuration_counts_by_its_mean(study_folder: Path) -> None:
    study = racing(study_folder, finals=1)
    run(study, noisy)
    optuna_study = find_study(study)
    tried = best_configurations(study.objective, optuna_study)
    assert len({one.trials[0].number for one in tried}) == len(tried)
    best = max(tried, key=lambda one: len(one.trials))
    assert len(best.trials) > 1
    values = [trial.values[0] for trial in best.trials]
    assert best.values[0] == pytest.approx(sum(values) / len(values))
    assert values[0] == max(values)
    summary = summarize(study, optuna_study, 20)
    shown = {one.trial: one for one in summary.best}
    assert shown[best.trials[0].number].trials == len(best.trials)
    assert shown[best.trials[0].number].values == {"objective": pytest.approx(best.values[0])}
    assert best_table(summary.best).columns[:2] == ("trial", "seeds")
    (finalist,) = finalists(study.objective, optuna_study)
    assert finalist.chosen == pytest.approx(tried[0].values[0])


def test_a_race_that_is_interrupted_repeats_no_seed(study_folder: Path) -> None:
    ends = 0

    def interrupted(spec: TrialSpec, epoch: int) -> Decomposition:
        nonlocal ends
        if spec.seed > 0 and epoch == 2 and ends < 3:
            ends += 1
            signal.raise_signal(signal.SIGINT)
        return noisy(spec, epoch)

    study = racing(study_folder, population=1, workers=1)
    while run(study, interrupted).ended.interrupted:
        pass
    assert ends == 3
    found = trials(study, TrialState.COMPLETE)
    assert len(found) == 12
    assert len(replicates(found)) == 4
    for seeds in seeds_by_configuration(found).values():
        assert sorted(seeds) == list(range(len(seeds)))
    assert not run(study, noisy).workers.jobs
    check_ledger(study)


def test_a_replicate_that_dies_runs_again_with_its_seed(study_folder: Path) -> None:
    died: list[TrialSpec] = []

    def kills(spec: TrialSpec, epoch: int) -> Decomposition:
        if spec.seed > 0 and not died:
            died.append(spec)
            raise Kills("gone")
        return noisy(spec, epoch)

    study = racing(study_folder, population=1)
    run(study, kills)
    (failed,) = trials(study, TrialState.FAIL)
    (again,) = [t for t in trials(study) if TrialRecord.of(t).retry_of == failed.number]
    assert TrialRecord.of(again).replicate_of == TrialRecord.of(failed).replicate_of is not None
    assert again.user_attrs["seed"] == failed.user_attrs["seed"] == died[0].seed
    check_ledger(study)


def test_a_configuration_of_which_a_replicate_fails_gets_no_more(study_folder: Path) -> None:
    def fails(spec: TrialSpec, epoch: int) -> Decomposition:
        if spec.seed > 0:
            raise Fails("not finite")
        return noisy(spec, epoch)

    study = racing(study_folder)
    run(study, fails)
    failed = trials(study, TrialState.FAIL)
    assert failed
    assert len({trial.params["model.temperature"] for trial in failed}) == len(failed)
    more = racing(study_folder, trials=16)
    run(more, fails)
    failed = trials(study, TrialState.FAIL)
    assert len({trial.params["model.temperature"] for trial in failed}) == len(failed)


def test_what_fails_or_dies_makes_room_for_another_new_configuration(study_folder: Path) -> None:
    """Of 12 trials that count, four are replicates, however many others failed or died."""
    ends: Counter[str] = Counter()

    def unlucky(spec: TrialSpec, epoch: int) -> Decomposition:
        kind = int(spec.configuration.model.temperature * 1e6) % 3
        if spec.seed == 0 and kind == 0 and ends["failed"] < 5:
            ends["failed"] += 1
            raise Fails("not finite")
        if spec.seed == 0 and kind == 1 and ends["died"] < 3:
            ends["died"] += 1
            raise Kills("gone")
        if ends["interrupted"] < 1 and len(ends) == 2:
            ends["interrupted"] += 1
            signal.raise_signal(signal.SIGINT)
        return noisy(spec, epoch)

    study = racing(study_folder, population=1, workers=1)
    while run(study, unlucky).ended.interrupted:
        pass
    assert ends == {"failed": 5, "died": 3, "interrupted": 1}
    assert len(trials(study, TrialState.COMPLETE)) == 12
    assert len(replicates(trials(study, TrialState.COMPLETE))) == 4
    check_ledger(study)


def test_points_that_come_later_do_not_hide_what_waits(study_folder: Path) -> None:
    """A replicate that waits, and a point that the study did not have before: each runs once."""
    given: dict[str, Any] = {"population": 1, "workers": 1}
    ends = 0

    def interrupted(spec: TrialSpec, epoch: int) -> Decomposition:
        nonlocal ends
        if spec.seed > 0 and epoch == 2 and not ends:
            ends += 1
            signal.raise_signal(signal.SIGINT)
        return noisy(spec, epoch)

    assert run(racing(study_folder, **given), interrupted).ended.interrupted
    more = racing(study_folder, points=[{"model.temperature": 0.5}], **given)
    run(more, noisy)
    found = trials(more, TrialState.COMPLETE)
    assert len(found) == 12
    for seeds in seeds_by_configuration(found).values():
        assert sorted(seeds) == list(range(len(seeds)))
    check_ledger(more)


def test_replicates_are_not_pruned(study_folder: Path) -> None:
    def poor(spec: TrialSpec, epoch: int) -> Decomposition:
        return noisy(spec, epoch) if spec.seed == 0 else decomposition(2, 0.1, usage=(1.0, 0.0))

    study = racing(study_folder, trials=20, pruner="hyperband", collapse=True)
    run(study, poor)
    again = replicates(trials(study))
    assert again
    assert {trial.state for trial in again} == {TrialState.COMPLETE}


@pytest.mark.parametrize(
    ("sections", "seeds"),
    [
        ({"search": {"race": 3}}, 3),
        ({"search": {"race": "off"}}, 1),
        ({"search": {"race": False}}, 1),
        ({"search": {"race": True}}, 5),
        ({"search": {"race": 3, "seeds": 2}}, 1),
        ({"search": {"race": 3}, "objective": {"pareto": ["accuracy", "usage_entropy"]}}, 1),
        (
            {"search": {"race": 3, "sampler": "grid"}, "model": {"experts": {"low": 2, "high": 3}}},
            1,
        ),
        ({"search": {"race": 3}, "model": {"experts": 2}}, 1),
    ],
)
def test_who_races(sections: dict[str, Any], seeds: int) -> None:
    study = check_study({"name": "a", "data": "digits", "model": SPACE, **sections})
    assert study.race == seeds


def test_a_mistake() -> None:
    with pytest.raises(UserError, match=r"search\.race: "):
        check_study({"name": "a", "data": "digits", "search": {"race": 0}})
