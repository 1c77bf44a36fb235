"""The front page of the paper's studies says what their reports say."""

import re
from pathlib import Path

import pytest
from support.shipped_studies import REPORTS, STUDIES

Row = dict[str, str]
FRONT = (STUDIES / "paper" / "README.md").read_text()
VERDICTS = ("off", "better", "inside")


def table(text: str, title: str) -> list[Row]:
    """The rows of the table whose title starts so, by column; none where there is no such table."""
    found = re.search(rf"^{re.escape(title)}.*\n\n((?:\|.*\n)+)", text, re.MULTILINE)
    if found is None:
        return []
    head, _, *rows = [line.strip("| ").split(" | ") for line in found[1].splitlines()]
    return [dict(zip(head, row, strict=True)) for row in rows]


STUDY_ROWS = {row["study"]: row for row in table(FRONT, "- **Best error**")}


def judged(rows: list[Row]) -> str:
    """How many rows are inside, better and off."""
    words = [{word for cell in row.values() for word in cell.split()} for row in rows]
    first = [next((verdict for verdict in VERDICTS if verdict in row), "") for row in words]
    return " / ".join(str(first.count(verdict)) for verdict in reversed(VERDICTS))


def seeds(rows: list[Row]) -> str:
    counts = sorted({int(row["seeds"]) for row in rows})
    return " to ".join(map(str, counts))


def test_every_study_has_a_row_and_a_report() -> None:
    assert {f"[{report.stem}]({report.name})" for report in REPORTS} == STUDY_ROWS.keys()


@pytest.mark.parametrize("file", REPORTS, ids=lambda file: file.stem)
def test_a_row_says_what_the_report_says(file: Path) -> None:
    report, row = file.read_text(), STUDY_ROWS[f"[{file.stem}]({file.name})"]
    assert report.startswith(f"# Study {file.stem}\n")
    compared = table(report, "**Compared (test")
    if compared:
        best = min(compared, key=lambda one: float(one["test error"].split()[0]))["test error"]
        verdicts = f"{judged(table(report, '**Reference (inside'))} of {len(compared)}"
        ran = seeds(compared)
    else:
        finalists = table(report, "**Finalists (")
        (champion,) = [one for one in finalists if one["place"] == "champion"]
        best, verdicts, ran = champion["test error ± SD"], "-", seeds(finalists)
    assert (row["inside / better / off"], row["best error"]) == (verdicts, best)
    assert (row["seeds"], f"- wall time: {row['wall time']}\n" in report) == (ran, True)


@pytest.mark.parametrize("file", REPORTS, ids=lambda file: file.stem)
def test_an_unfinished_comparison_says_so(file: Path) -> None:
    report, row = file.read_text(), STUDY_ROWS[f"[{file.stem}]({file.name})"]
    wanted = re.search(r"^- trials: (\d+): .* over seeds$", report, re.MULTILINE)
    complete = re.search(r"^- trials: (\d+) complete", report, re.MULTILINE)
    assert complete is not None
    if wanted is None or wanted[1] == complete[1]:
        assert "unfinished" not in row["what"]
    else:
        assert f"unfinished: {complete[1]} of {wanted[1]} runs" in row["what"]
