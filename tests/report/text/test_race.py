"""The race in tables: who got further seeds, and who was dropped when, by which difference."""

from dataclasses import replace

from moe_search.intervals import UNKNOWN, Interval
from moe_search.report.results.decisions import Racer
from moe_search.report.text.race import finals_race_table, race_table
from moe_search.report.text.table import Table
from moe_search.search.ranking import FinalistResult

LEADS = Racer(8, (8, 22), (22,), (1.05, 0.01), ((1.05, 0.01), None, (1.0, 0.002)), 0.0, None, True)
DROPPED = replace(LEADS, trial=3, trials=(3, 21), further=(21,), behind=0.1, dropped=(22, 0.25))


def rows(table: Table) -> list[dict[str, str]]:
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def test_the_race_says_who_was_dropped_when_and_by_what() -> None:
    leads, dropped = rows(race_table([LEADS, replace(DROPPED, feasible=False)]))
    assert leads == {
        "trial": "8",
        "its trials": "8, 22",
        "further seeds": "22",
        "before": "1.0500 ± 0.0100",
        "at the end": "1.0000 ± 0.0020",
        "behind": "leads",
        "dropped": "-",
    }
    assert dropped["trial"] == "3 (infeasible)"
    assert (dropped["behind"], dropped["dropped"]) == ("0.1000", "at trial 22, 0.2500 behind")


def test_a_leader_that_got_no_further_seed_stands_in_the_race_as_it_is() -> None:
    (row,) = rows(race_table([replace(LEADS, trials=(8,), further=(), before=None)]))
    assert (row["further seeds"], row["before"]) == ("-", "-")


def test_finalists_stand_apart_by_their_differences_to_the_first() -> None:
    first = FinalistResult(8, "n", 5, 0.9, {}, (), champion=True)
    others = [
        replace(first, trial=3, lead=Interval(-0.01, 0.02, -0.05, 0.03)),
        replace(first, trial=4, seeds=2, lead=Interval(-0.2, 0.02, -0.3, -0.1), out=True),
        replace(first, trial=5, lead=Interval(-0.3, 0.02, -0.4, -0.2), out=True),
        replace(first, trial=6, lead=UNKNOWN, out=True, feasible=False, violations={"x": 0.5}),
    ]
    found = rows(finals_race_table([first, *others]))
    assert [row["standing"] for row in found] == [
        "first",
        "not told apart",
        "out after 2 seeds",
        "told apart",
        "no race: x missed by 0.5",
    ]
    assert [row["to the first"] for row in found] == ["-", "-0.0100", "-0.2000", "-0.3000", "-"]
    assert found[2]["90 % interval"] == "-0.3000 to -0.1000"
