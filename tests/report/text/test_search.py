"""Tables of made-up results: which numbers stand where, in a terminal and in Markdown."""

import io
import math
import re
from dataclasses import replace

import pytest

from moe_search.intervals import Difference, Interval
from moe_search.moe.cost import Cost
from moe_search.report.results.summary import BestTrial, Retrained, Summary
from moe_search.report.text.asked import space_table, study_facts
from moe_search.report.text.search import best_table, champion_text, finalists_table, study_tables
from moe_search.report.text.status import summary_facts
from moe_search.report.text.table import Table, show, value_text
from moe_search.search.ranking import FinalistResult
from moe_search.spec import METRICS, Backbone, Study
from moe_search.spec.kinds.stores import Stores

NAN = math.nan


def best(trial: int, *, values: dict[str, float] | None = None, feasible: bool = True) -> BestTrial:
    return BestTrial(
        trial=trial,
        name="original M=5 T=0.12",
        values=values or {"objective": 0.95},
        metrics={**dict.fromkeys(METRICS, 0.0), "accuracy": 0.98764, "sample_entropy": 0.12345},
        parameters={"model.experts": 5, "model.temperature": 0.123456, "regularizer.kind": "none"},
        feasible=feasible,
        seconds=1.0,
        model="models:/m-1",
    )


def finalist(trial: int, interval: Interval, *, champion: bool) -> FinalistResult:
    test = {**dict.fromkeys(METRICS, Interval(0.5, 0.1, 0.4, 0.6)), "error": interval}
    return FinalistResult(trial, "original M=5 T=0.12", 3, 0.9, test, (0.4, 0.5, 0.6), champion)


SUMMARY = Summary(
    study="s",
    trials=20,
    counts={"complete": 7, "pruned": 2, "failed": 1, "running": 0, "waiting": 0},
    best=(best(4),),
    finalists=(),
    champion=None,
    references={},
    active=None,
    stores=Stores("sqlite:////o.db", "sqlite:////m.db", "/artifacts"),
)


def cells(table: Table, row: int) -> dict[str, str]:
    return dict(zip(table.columns, table.rows[row], strict=True))


def test_best_configurations() -> None:
    other = replace(best(9), parameters={"model.experts": 7, "regularizer.weight": 2.0})
    table = best_table((best(4), other))
    assert cells(table, 0) == {
        "trial": "4",
        "objective": "0.9500",
        "accuracy": "0.9876",
        "H_s": "0.123",
        "H_u": "0.000",
        "I(E;Y)": "0.000",
        "experts": "5",
        "temperature": "0.123",
        "kind": "none",
        "weight": "-",
    }
    assert cells(table, 1)["weight"] == "2"
    assert table.words == {"kind"}


def test_names_that_say_too_little_are_written_in_full() -> None:
    one = replace(best(1), parameters={"model.kind": "moe", "regularizer.kind": "none"})
    assert best_table((one,)).columns[-2:] == ("model.kind", "regularizer.kind")


def test_an_infeasible_configuration_says_so() -> None:
    assert cells(best_table((best(4, feasible=False),)), 0)["trial"] == "4 (infeasible)"


def test_a_front_shows_each_metric_once() -> None:
    table = best_table((best(4, values={"accuracy": 0.9, "max_expert_share": 0.31}),))
    assert table.columns.count("accuracy") == 1
    assert cells(table, 0)["max_expert_share"] == "0.3100"


def test_finalists() -> None:
    table = finalists_table(
        (
            finalist(4, Interval(0.02765, 0.00321, 0.0197, 0.0356), champion=True),
            finalist(2, Interval(0.03, NAN, NAN, NAN), champion=False),
        )
    )
    first, second = cells(table, 0), cells(table, 1)
    assert (first["place"], second["place"]) == ("champion", "2")
    assert first["test error ± SD"] == "0.0277 ± 0.0032"
    assert first["95 % interval"] == "0.0197 to 0.0356"
    assert (second["test error ± SD"], second["95 % interval"]) == ("0.0300", "needs 3 seeds")
    assert first["H_s"] == "0.500"


def test_a_front_names_the_metric_that_chooses() -> None:
    one = finalist(4, Interval(0.03, NAN, NAN, NAN), champion=True)
    assert finalists_table((one,)).columns[4] == "validation"
    assert finalists_table((replace(one, chosen_by="usage_entropy"),)).columns[4] == (
        "validation H_u"
    )


def second(low: float, high: float) -> Difference:
    return Difference("trial 2", 3, Interval((low + high) / 2, 0.01, low, high))


@pytest.mark.parametrize(
    ("margin", "said"),
    [
        (None, ""),
        (second(NAN, NAN), "Whether it is better than trial 2, the second, is not known"),
        (second(-0.01, 0.03), "It is not told apart from trial 2, the second: the difference"),
        (second(0.01, 0.03), "The second, trial 2, has a test error +2.00% from it (95 %"),
    ],
)
def test_the_champion_is_told_from_the_second_or_not(margin: Difference | None, said: str) -> None:
    first = finalist(4, Interval(0.02765, 0.00321, 0.0197, 0.0356), champion=True)
    text = champion_text(replace(SUMMARY, finalists=(first,), margin=margin))
    assert said in text
    assert ("trial 2" in text) == (margin is not None)
    assert "test error 2.77% ± 0.32% over 3 fresh seeds (95 % interval 1.97% to 3.56%)" in text


@pytest.mark.parametrize("simplest", [False, True])
def test_of_equals_the_simplest_is_taken_and_told(simplest: bool) -> None:
    spread = Interval(0.02, 0.01, 0.01, 0.03)
    first = replace(finalist(4, spread, champion=True), cost=Cost(2, 3728), simplest=simplest)
    ahead = 0.01 if simplest else -0.01
    lead = Interval(ahead, 0.01, ahead - 0.02, ahead + 0.02)
    second = replace(finalist(2, spread, champion=False), lead=lead, cost=Cost(5, 7472))
    text = champion_text(replace(SUMMARY, finalists=(first, second)))
    said = "is taken: 3,728; those of trial 2 take 7,472."
    assert (said in text) == ("multiply-adds" in text) == simplest
    assert ("the higher mean is taken" in text) != simplest


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-0.03, -0.01, "is told apart from trial 2, the second: +0.0200 seed by seed (90 % inter"),
        (-0.03, 0.01, "not told apart from trial 2, the second: +0.0100 seed by seed (90 % inter"),
    ],
)
def test_validation_tells_the_champion_from_the_second_or_not(
    low: float, high: float, said: str
) -> None:
    first = replace(finalist(4, Interval(0.02, 0.01, 0.01, 0.03), champion=True), chosen=1.0123)
    lead = Interval((low + high) / 2, 0.01, low, high)
    rest = finalist(2, Interval(0.03, 0.01, 0.02, 0.04), champion=False)
    other = replace(rest, lead=lead, out=high < 0)
    text = champion_text(replace(SUMMARY, finalists=(first, other)))
    assert said in text
    assert f"interval {-high:+.4f} to {-low:+.4f})" in text
    assert ("the higher mean is taken" in text) == (high > 0)
    assert "The search saw it at 1.0123 on validation, and chose it for that; over fresh" in text
    assert cells(finalists_table((first, other)), 0)["in the search"] == "1.0123"
    assert cells(finalists_table((first, other)), 1)["in the search"] == "-"


def test_a_retrained_champion_stands_below_it_and_is_told() -> None:
    first = finalist(4, Interval(0.03, 0.01, 0.02, 0.04), champion=True)
    other = finalist(2, Interval(0.03, 0.01, 0.02, 0.04), champion=False)
    test = first.test | {"error": Interval(0.025, 0.004, 0.02, 0.03)}
    again = Retrained(1000000, 5, test, Interval(-0.005, 0.001, -0.006, -0.004))
    found = replace(SUMMARY, finalists=(first, other), retrained=again)
    table = finalists_table(found.finalists, again)
    assert [row[0] for row in table.rows] == ["champion", "retrained", "2"]
    assert (cells(table, 1)["seeds"], cells(table, 1)["validation"]) == ("5", "-")
    assert cells(table, 1)["test error ± SD"] == "0.0250 ± 0.0040"
    text = champion_text(found)
    assert "trained on training and validation data together. Such models have a test error" in text
    assert "of 2.50% ± 0.40% over 5 fresh seeds (95 % interval 2.00% to 3.00%), -0.50%" in text
    assert "that of the first seed, 1000000, is registered." in text


@pytest.mark.parametrize(
    ("chosen", "by", "said"),
    [
        (0.95, "objective", "The 0.0500 that it lost is selection bias, as far as these"),
        (0.85, "objective", "at 0.9000. These seeds show no selection bias."),
        (0.85, "loss", "The 0.0500 that it lost is selection bias"),
        (NAN, "objective", ""),
    ],
)
def test_the_selection_bias_is_named(chosen: float, by: str, said: str) -> None:
    first = finalist(4, Interval(0.03, 0.01, 0.02, 0.04), champion=True)
    text = champion_text(replace(SUMMARY, finalists=(replace(first, chosen=chosen, chosen_by=by),)))
    assert said in text
    assert ("selection bias" in text) == bool(said)


def test_a_champion_of_two_seeds_says_what_an_interval_takes() -> None:
    first = replace(finalist(4, Interval(0.03, 0.01, NAN, NAN), champion=True), seeds=2)
    text = champion_text(replace(SUMMARY, finalists=(first,)))
    assert "test error 3.00% ± 1.00% over 2 fresh seeds (an interval takes 3)." in text


def test_one_row_stands_out() -> None:
    first = finalist(4, Interval(0.03, 0.01, 0.02, 0.04), champion=True)
    found = replace(SUMMARY, finalists=(first,), references={"others": {"error": [0.1]}})
    assert [table.strong for table in study_tables(found, None)] == [0, 1, 0]
    assert [table.strong for table in study_tables(SUMMARY, None)] == [1]


def test_references_stand_beside_the_best_finalist() -> None:
    seventh = finalist(7, Interval(0.0277, 0.0032, 0.0197, 0.0356), champion=True)
    references = {
        "of others": {"error": [0.035, 0.004], "sample_entropy": [0.06, 0.03]},
        "one run": {"usage_entropy": [2.3]},
    }
    found = replace(SUMMARY, finalists=(seventh,), references=references)
    ours, others, single = (cells(study_tables(found, None)[-1], row) for row in range(3))
    assert (ours[""], ours["test error"]) == ("best finalist", "0.0277 ± 0.0032")
    assert (others["test error"], others["H_s"]) == ("0.0350 ± 0.0040", "0.060 ± 0.030")
    assert (single["test error"], single["H_u"]) == ("-", "2.300")


def test_there_are_tables_only_of_what_there_is() -> None:
    assert [table.title for table in study_tables(SUMMARY, None)] == [best_table(()).title]


def test_status_lines() -> None:
    facts = dict(summary_facts(SUMMARY))
    assert facts["trials"] == "9 of 20 trials (7 complete, 2 pruned, 1 failed)"
    assert facts["best"].startswith("trial 4, objective 0.9500, accuracy 0.9876, H_s 0.123")
    assert "champion" not in facts


def test_printed_cells_are_text(capsys: pytest.CaptureFixture[str]) -> None:
    show(Table("title [of] it", ("a", "b"), (("[red]1[/red]", "x" * 200),)))
    printed = capsys.readouterr().out
    assert "title [of] it" in printed
    assert f"[red]1[/red]   {'x' * 200}" in printed


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_no_value_of_the_winner_is_cut_on_a_terminal_of_100_columns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr("sys.stdout", terminal := Terminal())
    layers = ", ".join(f"linear {number}" for number in range(30))
    numbers = {f"training.hyperparameter_{n}": 0.00123 + n / 1000 for n in range(12)}
    winner = replace(best(4), parameters=numbers | {"model.gate": layers})
    table = best_table((winner,))
    show(table)
    lines = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in terminal.getvalue().splitlines()]
    assert max(map(len, lines)) <= 100
    heads = [line.split() for line in lines if line.lstrip().startswith("trial")]
    assert [name for line in heads for name in line if name != "trial"] == [*table.columns[1:]]
    assert len(heads) > 1
    words = [word for line in lines for word in line.split()]
    *values, _ = table.rows[0]
    assert not [value for value in values if value not in words]
    last = "".join("".join(lines).rpartition("gate")[2].split())
    assert layers.replace(" ", "") in last


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (7, "7"), (0.012345, "0.0123"), ("gate", "gate"), (30.0, "30")]
)
def test_values(value: int | float | str | None, text: str) -> None:
    assert value_text(value) == text


def test_layer_lists_are_words() -> None:
    layers = [{"conv": 3, "kernel": 5}, "relu", {"linear": 4}]
    gate = [{"residual": [{"conv": 2, "bias": False}, "relu"], "shortcut": [{"conv": 2}]}, "gelu"]
    backbone = Backbone.model_validate({"expert": layers, "gate": gate})
    assert value_text(backbone) == (
        "(expert: conv 3 kernel 5, relu, linear 4; "
        "gate: residual (conv 2 bias false, relu) shortcut (conv 2), gelu)"
    )


def test_what_a_study_will_do() -> None:
    study = Study.model_validate(
        {
            "name": "s",
            "data": "digits",
            "model": {"experts": {"low": 2, "high": 8, "step": 2}, "gate": "original"},
            "regularizer": {
                "kind": {"choices": ["none", "similarity"]},
                "weight": {"low": 0.01, "high": 3.0, "log": True},
            },
            "objective": {
                "maximize": {"accuracy": 1.0, "sample_entropy": -0.5},
                "constraints": {"max_expert_share": {"at_most": 0.6}},
            },
            "search": {"seeds": 3},
            "finalists": {"top": 0},
        }
    )
    assert space_table(study).rows == (
        ("model.experts", "2 to 8, step 2", ""),
        ("regularizer.kind", "none, similarity", ""),
        ("regularizer.weight", "0.01 to 3, log", "regularizer.kind is similarity"),
    )
    facts = dict(study_facts(study))
    assert facts["objective"] == (
        "maximize 1 accuracy - 0.5 sample_entropy; keep max_expert_share at most 0.6"
    )
    assert facts["trials"] == "50 of 3 seeds, sampler auto, pruner none"
    assert facts["finalists"] == "none"
    assert facts.keys() == {"study", "data", "objective", "trials", "finalists"}
