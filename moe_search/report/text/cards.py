"""A study and its champion in Markdown, for MLflow's pages."""

from collections.abc import Sequence

from moe_search.intervals import Interval
from moe_search.report.results.classes import ClassView
from moe_search.report.results.study import Report
from moe_search.report.text.data import data_facts
from moe_search.report.text.report import report_tables
from moe_search.report.text.search import champion_text, interval_text, spread
from moe_search.report.text.status import counts_text
from moe_search.report.text.table import Table, markdown_table
from moe_search.spec import METRICS


def study_card(report: Report) -> str:
    """What was found so far, as a sentence and tables."""
    parts = [report.study.description, f"{counts_text(report.summary)}."]
    parts += [champion_text(report.summary)] if report.summary.champion_result else []
    parts += [
        f"**{table.title}**\n\n{markdown_table(table)}" for table in reversed(report_tables(report))
    ]
    return "\n\n".join([*filter(None, parts), "The whole report: `report/report.html`, below."])


def model_card(report: Report) -> str:
    """Where a champion comes from, what it reaches, who serves what, and how to load it.

    The study must have a champion.

    Raises:
        UserError: MLflow's store lacks the tables of the champion's run.
    """
    study, champion, uri = report.study, report.summary.champion_result, report.summary.champion
    assert champion is not None
    facts = (f"{name}: {text}" for name, text in data_facts(report))
    data = "; ".join([f"Data: {study.data.name}", f"seed {study.data.seed}", *facts]) + "."
    load = (
        f"```python\nimport mlflow\nmlflow.pyfunc.load_model({uri!r}).predict(array)\n\n"
        f"import moe_search  # with the gate and each expert\nmoe_search.load_model({uri!r})\n```"
    )
    return "\n\n".join(
        [
            *filter(None, [study.description]),
            champion_text(report.summary),
            data,
            markdown_table(_metrics(champion.test)),
            "Which expert serves which class (share of the class, this model, test split):",
            markdown_table(_experts(report.classes)),
            load,
        ]
    )


def _metrics(test: dict[str, Interval]) -> Table:
    return Table(
        "",
        ("test split", "mean ± SD", "95 % interval", "meaning"),
        tuple(
            (name, spread(interval), interval_text(interval), METRICS[name].meaning)
            for name, interval in test.items()
        ),
        frozenset({"test split", "meaning"}),
    )


def _experts(classes: Sequence[ClassView]) -> Table:
    return Table(
        "",
        ("expert", "classes"),
        tuple(
            (
                str(expert),
                ", ".join(f"{v.name} {v.served:.0%}" for v in classes if v.expert == expert),
            )
            for expert in sorted({view.expert for view in classes})
        ),
        frozenset({"classes"}),
    )
