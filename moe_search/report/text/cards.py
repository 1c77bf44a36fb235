"""A study and its champion in Markdown, for MLflow's pages."""

from collections.abc import Sequence

from moe_search.report.pages.markdown import markdown_table
from moe_search.report.pages.search import champion_text
from moe_search.report.results.classes import ClassView
from moe_search.report.results.study import Report
from moe_search.report.text.report import report_tables
from moe_search.report.text.search import counts_text, interval_text, spread
from moe_search.report.text.table import Table
from moe_search.search.ranking import Interval
from moe_search.spec import METRICS


def study_card(found: Report) -> str:
    """What was found so far, as a sentence and tables."""
    names = {point.trial: point.name for point in found.points}
    champion = next((one for one in found.summary.finalists if one.champion), None)
    parts = [found.study.description, f"{counts_text(found.summary)}."]
    parts += [champion_text(champion, names)] if champion else []
    parts += [
        f"**{table.title}**\n\n{markdown_table(table)}" for table in reversed(report_tables(found))
    ]
    return "\n\n".join([*filter(None, parts), "The whole report: `report/report.html`, below."])


def model_card(found: Report, classes: Sequence[ClassView]) -> str:
    """Where a study's champion comes from, what it reaches, who serves what, and how to load it.

    Args:
        found: of a study with a champion.
        classes: the champion's on the test split.
    """
    study, names = found.study, {point.trial: point.name for point in found.points}
    champion = next(one for one in found.summary.finalists if one.champion)
    data, uri = study.data, found.summary.champion
    samples = sum(view.samples for view in classes)
    split = (
        f"Data: {data.name}; validation {data.validation} (of the training data; split "
        f"seed {data.seed}); test split of {samples} samples in {len(classes)} classes."
    )
    load = (
        f"```python\nimport mlflow\nmlflow.pyfunc.load_model({uri!r}).predict(array)\n\n"
        f"import moe_search  # with the gate and each expert\nmoe_search.load_model({uri!r})\n```"
    )
    return "\n\n".join(
        [
            *filter(None, [study.description]),
            champion_text(champion, names),
            split,
            markdown_table(_metrics(champion.test)),
            "Which expert serves which class (share of the class, this model, test split):",
            markdown_table(_experts(classes)),
            load,
        ]
    )


def _metrics(test: dict[str, Interval]) -> Table:
    return Table(
        "",
        ("test split", "mean ± SD", "95 % interval", "meaning"),
        tuple(
            (
                name,
                spread(one),
                interval_text(one),
                METRICS[name].meaning,
            )
            for name, one in test.items()
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
