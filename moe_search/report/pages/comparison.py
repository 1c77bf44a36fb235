"""The sections of a comparison's page."""

from collections.abc import Sequence

from mlflow import MlflowClient

from moe_search.report.charts.atlas import atlas_of
from moe_search.report.charts.box_plots import box_plots
from moe_search.report.pages.page import Facts, PageSection, Picture
from moe_search.report.results.rows import Compared
from moe_search.report.text.asked import rows_table, study_facts
from moe_search.report.text.rows import comparison_tables
from moe_search.spec import Study

_ON_A_MAP = 9  # rows whose heat maps stay readable in one picture


def comparison_sections(
    study: Study, rows: Sequence[Compared], client: MlflowClient
) -> list[PageSection]:
    """What was compared, what each row reached, and how it divides the classes."""
    asked = PageSection("What was asked", "", (Facts(tuple(study_facts(study))), rows_table(study)))
    if not rows:
        return [asked]
    runs, *others = comparison_tables(rows)
    boxes = Picture(
        f"{study.name}-runs",
        f"Box plots of the runs of each row of {study.name}; their means are in the table above.",
        box_plots(rows),
        fine=True,
    )
    found = PageSection(
        "What was found",
        "A box holds the middle half of a row's runs with their median, and dots are the runs.",
        (runs, boxes, *others),
    )
    return [asked, found, *_atlas(study, rows, client)]


def _atlas(study: Study, rows: Sequence[Compared], client: MlflowClient) -> list[PageSection]:
    mixtures = [row for row in rows if row.experts > 1]
    if not mixtures:
        return []
    pictures = []
    for first in range(0, len(mixtures), _ON_A_MAP):
        some = mixtures[first : first + _ON_A_MAP]
        names = ", ".join(row.name for row in some)
        pictures.append(
            Picture(
                f"{study.name}-experts-{first // _ON_A_MAP + 1}",
                f"Class by expert in the median run of {names}",
                atlas_of(client, [(row.name, row.median.run_id) for row in some]),
                "png",
                fine=True,
            )
        )
    text = (
        "How the run with the median test error of each row divides the classes: class down, "
        "expert across, share of the class by the gate's probabilities on the test split."
    )
    return [PageSection("Decomposition atlas", text, tuple(pictures))]
