"""The champion's own figure, as its run has it."""

from moe_search.report.page import Picture
from moe_search.report.results.study import Report
from moe_search.tracking.decomposition.read import read_file


def pictures(report: Report) -> list[Picture]:
    """How the champion divides the classes, if there is one."""
    if report.champion_run is None:
        return []
    alt = (
        "Heat maps, class down and expert across: the share of each class that each expert of the "
        "champion gets, by its most probable expert and by the gate's probabilities. The table "
        "below has the numbers."
    )
    image = read_file(report.client, report.champion_run, "class_by_expert.png")
    return [Picture(f"{report.study.name}-champion", alt, image, "png")]
