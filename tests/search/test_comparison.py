"""A comparison: every row from every seed, judged on test, and going on where it ended."""

import math
import signal
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState
from support.fake_workers import Fails, decomposition
from support.study_runs import check_ledger, run, runs, study_in, trials

from moe_search.engine.trial import TrialSpec
from moe_search.errors import UserError
from moe_search.intervals import Interval, welch
from moe_search.moe.decomposition import Decomposition
from moe_search.report.pages.study import unfinished
from moe_search.report.results.rows import agrees, compare, differences
from moe_search.report.results.study import read_report
from moe_search.report.text.rows import COLUMNS, comparison_tables
from moe_search.search.ledger import StudyRecord
from moe_search.search.study_store import find_study
from moe_search.spec import METRICS, Study

ROWS: dict[str, Any] = {
    "cold": {"model": {"temperature": 0.5}, "reference": {"error": [0.55, 0.1]}},
    "mild": {},
    "hot": {"model": {"temperature": 2.0}, "seeds": 1},
}


def study_of(folder: Path, **sections: Any) -> Study:
    return study_in(
        folder,
        model={"experts": 2, "gate": "attentive"},
        objective={"maximize": {"accuracy": 1.0}},
        **{"configurations": ROWS, "search": {"seeds": 3}} | sections,
    )


def on_validation(spec: TrialSpec, epoch: int) -> Decomposition:
    """The last seed looks best on validation."""
    return decomposition(2, 0.5 + 0.1 * spec.seed)


def on_test(spec: TrialSpec, epoch: int) -> Decomposition:
    """Hotter is better, and later seeds are worse."""
    return decomposition(2, 0.4 + 0.1 * spec.configuration.model.temperature - 0.01 * spec.seed)


def test_every_row_is_trained_from_its_seeds_and_judged_on_test(study_folder: Path) -> None:
    study = study_of(study_folder)
    run(study, on_validation, on_test)
    found = {
        (trial.params["configuration"], trial.params["seed"]): trial.user_attrs["test/error"]
        for trial in trials(study, TrialState.COMPLETE)
    }
    wanted = [("cold", n) for n in range(3)] + [("mild", n) for n in range(3)] + [("hot", 0)]
    assert sorted(found) == sorted(wanted)
    assert found["cold", 2] == pytest.approx(0.6 - 0.05 + 0.02)
    check_ledger(study)
    assert StudyRecord.of(find_study(study)).champion is None
    assert not runs(study, "finalist")
    (one,) = [r for r in runs(study, "trial") if r.data.params["model.temperature"] == "2.0"]
    assert one.data.metrics["test/error"] == pytest.approx(0.4)
    assert "training/error" in one.data.metrics
    number = one.data.tags["moe_search.trial"]
    assert one.info.run_name == f"trial-{int(number):03d} hot"
    assert one.data.tags["moe_search.configuration"] == "hot"


def test_rows_keep_what_the_study_says_and_change_what_they_say(study_folder: Path) -> None:
    study = study_of(study_folder)
    cold = study.configuration({"configuration": "cold", "seed": 0})
    mild = study.configuration({"configuration": "mild", "seed": 0})
    assert cold.model.gate == mild.model.gate == "attentive"
    assert (cold.model.temperature, mild.model.temperature) == (0.5, 1.0)


def test_it_goes_on_where_it_ended_and_runs_nothing_twice(study_folder: Path) -> None:
    study = study_of(study_folder)

    raised: list[int] = []

    def interrupted(spec: TrialSpec, epoch: int) -> Decomposition:
        if spec.seed == 1 and epoch == 2 and not raised:
            raised.append(epoch)
            signal.raise_signal(signal.SIGINT)
        return on_validation(spec, epoch)

    assert run(study, interrupted, on_test).ended.interrupted
    assert 0 < len(trials(study, TrialState.COMPLETE)) < 7
    run(study, on_validation, on_test)
    complete = trials(study, TrialState.COMPLETE)
    assert len({(t.params["configuration"], t.params["seed"]) for t in complete}) == 7
    assert len(complete) == 7
    check_ledger(study)
    assert run(study, on_validation, on_test).workers.jobs == []


def test_it_goes_on_with_more_seeds_but_not_with_other_rows(study_folder: Path) -> None:
    run(study_of(study_folder, search={"seeds": 2}), on_validation, on_test)
    more = study_of(study_folder, search={"seeds": 4})
    assert len(run(more, on_validation, on_test).workers.jobs) > 0
    found = sorted((t.params["configuration"], t.params["seed"]) for t in trials(more))
    wanted = [(name, n) for name in ("cold", "mild") for n in range(4)]
    assert found == sorted([*wanted, ("hot", 0)])
    rows = {name: row for name, row in ROWS.items() if name != "hot"} | {"new": {}}
    with pytest.raises(
        UserError, match=r"configurations: was \[cold, mild, hot\], is now \[cold, "
    ):
        run(study_of(study_folder, configurations=rows), on_validation, on_test)
    warmer = ROWS | {"cold": {"model": {"temperature": 0.7}}}
    with pytest.raises(
        UserError, match=r"space: configurations\.cold\.model\.temperature: was 0.5"
    ):
        run(study_of(study_folder, configurations=warmer), on_validation, on_test)


def test_a_run_that_fails_leaves_the_others(study_folder: Path) -> None:
    def fails(spec: TrialSpec, epoch: int) -> Decomposition:
        if spec.seed == 1 and spec.configuration.model.temperature == 1.0:
            raise Fails("it did")
        return on_validation(spec, epoch)

    study = study_of(study_folder)
    run(study, fails, on_test)
    rows = {row.name: row for row in compare(study, find_study(study))}
    assert [len(rows[name].runs) for name in ("cold", "mild", "hot")] == [3, 2, 1]
    (failed,) = [one for one in runs(study, "trial") if one.info.status == "FAILED"]
    assert failed.data.tags["moe_search.configuration"] == "mild"


def test_what_a_comparison_found(study_folder: Path) -> None:
    study = study_of(study_folder)
    run(study, on_validation, on_test)
    rows = compare(study, find_study(study))
    assert [row.name for row in rows] == ["cold", "mild", "hot"]
    cold, _, hot = rows
    assert cold.spread("error").mean == pytest.approx(0.56)
    assert cold.best.seed == 2, "the best on validation, though the worst on test"
    assert cold.median.seed == 1
    assert cold.reference == {"error": (0.55, 0.1)}
    assert hot.runs[0].metrics["error"] == pytest.approx(0.4)
    to_mild, to_hot = differences(rows)
    assert to_mild.error.mean == pytest.approx(-0.05)
    assert to_mild.error.high - to_mild.error.low == pytest.approx(0, abs=1e-9)
    assert to_hot.seeds == 1
    assert to_hot.error.mean == pytest.approx(-0.15)


def test_a_metric_that_came_later_is_unknown_of_earlier_runs(
    study_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = study_of(study_folder, search={"seeds": 1})
    run(study, on_validation, on_test)
    monkeypatch.setitem(METRICS, "later", METRICS["loss"])
    monkeypatch.setitem(COLUMNS, "later", "later")
    rows = compare(study, find_study(study))
    (column,) = {table.columns.index("later") for table in comparison_tables(rows)[:1]}
    assert {row[column] for row in comparison_tables(rows)[0].rows} == {"-"}


def test_seconds_are_those_of_an_epoch_of_any_stage(study_folder: Path) -> None:
    rows = {"plain": {}, "distilled": {"training": {"distill": True}}}
    study = study_of(study_folder, configurations=rows)
    run(study, on_validation, on_test)
    plain, distilled = compare(study, find_study(study))
    assert (plain.epochs, distilled.epochs) == (4, 8)
    of_a_run = plain.runs[0].seconds
    assert plain.seconds_per_epoch == pytest.approx(of_a_run / 4)
    assert distilled.seconds_per_epoch == pytest.approx(of_a_run / 8)
    (table,) = [one for one in comparison_tables([plain]) if "s/epoch" in one.columns]
    assert table.rows[0][-1] == f"{plain.seconds_per_epoch:.3g}"


def test_what_an_answer_costs_is_shown_where_rows_differ(study_folder: Path) -> None:
    rows = {
        "all": {"model": {"experts": 4, "gate": "original"}},
        "two": {"model": {"experts": 4, "gate": "original", "output": "top_k", "top_k": 2}},
    }
    study = study_of(study_folder, configurations=rows)
    run(study, on_validation, on_test)
    compared = compare(study, find_study(study))
    table, *_ = comparison_tables(compared)
    assert table.columns[-2:] == ("evaluated", "multiply-adds")
    assert [row[-2] for row in table.rows] == ["4", "2"]
    costs = [int(row[-1].replace(",", "")) for row in table.rows]
    (logged,) = {
        one.data.metrics["inference/multiply_adds"]
        for one in runs(study, "trial")
        if one.data.tags["moe_search.configuration"] == "two"
    }
    assert costs[1] == logged < costs[0]
    alike, *_ = comparison_tables(compared[:1])
    assert "multiply-adds" not in alike.columns


def test_a_reference_over_known_runs_has_a_p_of_welchs_t(study_folder: Path) -> None:
    rows = {
        name: {"reference": {"error": [0.04, 0.006]}, **more}
        for name, more in {"known": {"reference_runs": 10}, "unknown": {}}.items()
    }
    study = study_of(study_folder, configurations=rows)
    run(study, on_validation, on_test)
    compared = compare(study, find_study(study))
    known, unknown = compared
    spread = known.spread("error")
    ours = spread.mean, spread.deviation, len(known.runs)
    assert known.welch("error") == pytest.approx(welch(ours, (0.04, 0.006, 10)), nan_ok=True)
    assert math.isnan(unknown.welch("error"))
    assert math.isnan(known.welch("usage_entropy"))
    (table,) = [one for one in comparison_tables(compared) if one.title.startswith("Reference")]
    assert "Welch" in table.title
    assert [("(p " in row[1]) for row in table.rows] == [
        not math.isnan(known.welch("error")),
        False,
    ]


def test_a_comparison_that_lacks_runs_says_so(study_folder: Path) -> None:
    study = study_of(study_folder)
    run(study, on_validation, on_test)
    report = read_report(study, find_study(study))
    assert unfinished(report) == ""
    more = study_of(study_folder, search={"seeds": 7})
    wanted, done = more.trials, report.summary.counts["complete"]
    assert (
        unfinished(read_report(more, find_study(more))) == f"Unfinished: {done} of {wanted} runs."
    )


@pytest.mark.parametrize(
    ("metric", "mean", "reference", "verdict"),
    [
        ("error", 0.05, (0.04, 0.006), "inside"),
        ("usage_entropy", 2.3202, (2.321, 0.0), "inside"),
        ("usage_entropy", 2.319, (2.321, 0.0), "off"),
        ("error", 0.06, (0.04, 0.006), "off"),
        ("error", 0.02, (0.04, 0.006), "better"),
        ("usage_entropy", 2.3, (1.5, 0.2), "better"),
        ("usage_entropy", 1.0, (1.5, 0.2), "off"),
        ("training_error", 0.01, (0.04, 0.006), "better"),
        ("error", 0.05, (0.04,), ""),
    ],
)
def test_verdicts(metric: str, mean: float, reference: tuple[float, ...], verdict: str) -> None:
    assert agrees(metric, Interval(mean, 0.1, 0.0, 0.0), reference) == verdict
