"""How the champion divides the classes, drawn from the tables of its run."""

from moe_search.report.page import Picture
from moe_search.report.results.study import Report
from moe_search.tracking.decomposition.figures.class_by_expert import draw_tables
from moe_search.tracking.decomposition.read import read_classes


def pictures(report: Report) -> list[Picture]:
    """The champion's class-by-expert figure, if there is a champion."""
    if report.champion is None:
        return []
    hard, soft = (
        read_classes(report.client, report.champion.run_id, f"class_by_expert_{kind}.csv")
        for kind in ("hard", "soft")
    )
    title = f"champion: trial {report.champion.trial}, seed {report.champion.seed}"
    image = draw_tables(hard.table_CN, soft.table_CN, hard.classes, title)
    alt = (
        "Heat maps, class down and expert across: the share of each class that each expert of the "
        "champion gets, by its most probable expert and by the gate's probabilities. The table "
        "below has the numbers."
    )
    return [Picture(f"{report.study.name}-champion", alt, image, "png")]
