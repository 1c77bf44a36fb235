"""Which searched value mattered: what decides is found, what never varied has no share."""

from typing import Any

import optuna
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from moe_search.report.results.importances import FEWEST, Importances, importances
from moe_search.report.text.search import importances_table
from moe_search.spec import Study

SPACE = {"experts": {"low": 2, "high": 9}, "temperature": {"low": 0.5, "high": 2.0}}
EXPERTS, TEMPERATURE = "model.experts", "model.temperature"


def study_of(**sections: Any) -> Study:
    return Study.model_validate({"name": "s", "data": "digits", "model": SPACE, **sections})


def trial(
    number: int,
    value: float,
    *,
    experts: int | None = None,
    pruned_at: int | None = None,
    violation: float | None = None,
    objectives: int = 1,
) -> optuna.trial.FrozenTrial:
    """One whose temperature is as good as random, by its number."""
    params = {EXPERTS: number % 8 + 2 if experts is None else experts}
    attributes = {} if violation is None else {"constraints": [violation]}
    return create_trial(
        state=TrialState.COMPLETE if pruned_at is None else TrialState.PRUNED,
        values=[value] * objectives if pruned_at is None else None,
        params={**params, TEMPERATURE: 0.5 + (number * 0.618) % 1.5},
        distributions={
            EXPERTS: IntDistribution(2, 9),
            TEMPERATURE: FloatDistribution(0.5, 2.0),
        },
        intermediate_values={} if pruned_at is None else {pruned_at: value},
        system_attrs=attributes,
    )


def found(study: Study, *trials: optuna.trial.FrozenTrial) -> Importances | None:
    optuna_study = optuna.create_study(directions=study.objective.directions)
    optuna_study.add_trials(trials)
    return importances(study, optuna_study)


def shares(study: Study, *trials: optuna.trial.FrozenTrial) -> dict[str, float]:
    result = found(study, *trials)
    assert result is not None
    (first, *_) = result.shares.values()
    return first


@pytest.mark.parametrize("count", [16, 24, 80])
def test_the_value_that_decides_is_the_most_important(count: int) -> None:
    study = study_of()
    result = found(study, *(trial(n, value=n % 8) for n in range(count)))
    assert result is not None
    assert (result.best, result.trials) == (max(5, count // 10), count)
    (objective,) = result.shares
    assert objective == "objective"
    assert list(result.shares["objective"]) == [EXPERTS, TEMPERATURE]
    assert result.shares["objective"][EXPERTS] > 0.7
    assert sum(result.shares["objective"].values()) == pytest.approx(1)


def test_pruned_trials_count_as_worse_than_complete_ones() -> None:
    """Eight complete trials are too few; sixteen that were pruned say which experts are bad."""
    study = study_of()
    complete = [trial(n, value=0.9, experts=8 + n % 2) for n in range(8)]
    pruned = [trial(n, value=0.99, experts=2 + n % 6, pruned_at=1) for n in range(16)]
    assert found(study, *complete) is None
    assert shares(study, *complete, *pruned)[EXPERTS] > 0.7


def test_of_pruned_trials_those_that_came_further_are_better() -> None:
    study = study_of()
    trials = [trial(n, value=1 - n % 8, pruned_at=1 + n % 8) for n in range(24)]
    assert shares(study, *trials)[EXPERTS] > 0.7


def test_infeasible_trials_are_the_worst() -> None:
    study = study_of(objective={"constraints": {"max_expert_share": {"at_most": 0.5}}})
    trials = [trial(n, value=n % 8, violation=0.1 if n % 8 > 3 else -0.1) for n in range(24)]
    optimistic = [trial(n, value=n % 8) for n in range(24)]
    assert shares(study, *trials) != shares(study, *optimistic)
    best = [trial(n, value=n % 8 - 8 * (n % 8 > 3)) for n in range(24)]
    assert shares(study, *trials)[EXPERTS] == pytest.approx(shares(study, *best)[EXPERTS])


@pytest.mark.parametrize("count", [12, 20, 30])
def test_a_value_that_never_varied_has_no_importance(count: int) -> None:
    """Optuna's own evaluator gives it a share: the range that it might have had is wide."""
    study = study_of()
    trials = [trial(n, value=(n * 0.618) % 1, experts=5) for n in range(count)]
    assert shares(study, *trials) == {TEMPERATURE: 1.0, EXPERTS: 0.0}
    own = optuna.create_study(direction="maximize")
    own.add_trials(trials)
    assert optuna.importance.get_param_importances(own)[EXPERTS] > 0.05


def test_where_nothing_varied_nothing_matters() -> None:
    study = study_of(model={"experts": {"low": 2, "high": 9}})
    alike = create_trial(
        value=1.0, params={EXPERTS: 4}, distributions={EXPERTS: IntDistribution(2, 9)}
    )
    assert shares(study, *[alike] * 12) == {EXPERTS: 0.0}


def test_a_front_has_importances_for_each_metric() -> None:
    study = study_of(objective={"pareto": ["accuracy", "sample_entropy"]})
    result = found(study, *(trial(n, value=n % 8, objectives=2) for n in range(40)))
    assert result is not None
    assert list(result.shares) == ["accuracy", "sample_entropy"]
    assert all(next(iter(one)) == EXPERTS for one in result.shares.values())


def test_a_value_that_few_trials_have_is_among_them() -> None:
    study = study_of()
    trials = [
        create_trial(
            value=n % 8,
            params={EXPERTS: n % 8 + 2} | ({TEMPERATURE: 1 + n / 100} if n % 2 else {}),
            distributions={EXPERTS: IntDistribution(2, 9)}
            | ({TEMPERATURE: FloatDistribution(0.5, 2.0)} if n % 2 else {}),
        )
        for n in range(24)
    ]
    assert shares(study, *trials).keys() == {EXPERTS, TEMPERATURE}


@pytest.mark.parametrize(
    ("sections", "trials"), [({}, FEWEST - 1), ({"model": {"experts": 3}}, FEWEST)]
)
def test_no_importances_of_too_little(sections: dict[str, Any], trials: int) -> None:
    assert found(study_of(**sections), *(trial(n, value=n) for n in range(trials))) is None


def test_the_table_says_of_how_many_trials() -> None:
    given = {"accuracy": {"a": 0.7, "b": 0.3}, "loss": {"b": 1.0, "a": 0.0}}
    table = importances_table(Importances(given, best=5, trials=24))
    assert "among the best 5 of 24 trials" in table.title
    assert table.rows == (("a", "70 %", "0 %"), ("b", "30 %", "100 %"))
