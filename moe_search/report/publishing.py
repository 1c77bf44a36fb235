"""Puts what a study found where people look: Optuna's dashboard, and MLflow's pages."""

from moe_search.report.cards import model_card, study_card
from moe_search.report.chapters import chapter, report
from moe_search.report.classes import view_classes
from moe_search.report.html import html_page
from moe_search.report.maps import atlas_of, best_runs
from moe_search.report.page import Picture
from moe_search.report.plots import save_plots
from moe_search.report.points import points
from moe_search.search.store import find_study, locked
from moe_search.spec import Study
from moe_search.tracking.store import open_store
from moe_search.tracking.summaries import describe_model, describe_study


def publish(study: Study) -> None:
    """Write plots to the study's page in Optuna; summary, page and model card to MLflow.

    What an earlier call wrote is written anew. A study without a complete trial has nothing to
    show.

    Raises:
        UserError: a store cannot be opened, a run's tables are gone, or the study is running.
    """
    kept = find_study(study)
    found = report(study, kept)
    if not found.summary.best:
        return
    client = open_store(study.mlflow_url, create=False)
    page = chapter(found)
    files = {"report.html": html_page([page]).encode()} | {
        f"{part.name}.{part.suffix}": part.image
        for section in page.sections
        for part in section.parts
        if isinstance(part, Picture)
    }
    every = points(kept)
    atlas = atlas_of(client, best_runs(found.summary.best, every))
    with locked(study):
        save_plots(kept, every, atlas)
        describe_study(client, study, study_card(found), files)
        if found.champion is not None:
            describe_model(client, study, model_card(found, view_classes(client, found.champion)))
