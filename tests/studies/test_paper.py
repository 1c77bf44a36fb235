"""The front page of the paper's studies says what their reports say."""

import re
from pathlib import Path

import pytest
from shipped import PAPER, STUDIES

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
    names = {f"paper-{path.stem.replace('_', '-')}" for path in PAPER}
    assert {f"[{name}]({name}.md)" for name in names} == STUDY_ROWS.keys()


@pytest.mark.parametrize("study", sorted(STUDY_ROWS), ids=lambda study: study[1 : study.index("]")])
def test_a_row_says_what_the_report_says(study: str) -> None:
    name = study[1 : study.index("]")]
    report, row = Path(STUDIES / "paper" / f"{name}.md").read_text(), STUDY_ROWS[study]
    assert report.startswith(f"# Study {name}\n")
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


def test_an_unfinished_study_says_so() -> None:
    for study, row in STUDY_ROWS.items():
        report = Path(STUDIES / "paper" / f"{study[1 : study.index(']')]}.md").read_text()
        wanted = re.search(r"^- trials: (\d+): .* over seeds$", report, re.MULTILINE)
        complete = re.search(r"^- trials: (\d+) complete", report, re.MULTILINE)
        if wanted is None or complete is None or wanted[1] == complete[1]:
            assert "unfinished" not in row["what"]
        else:
            assert f"unfinished: {complete[1]} of {wanted[1]} runs" in row["what"]
