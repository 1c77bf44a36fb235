"""Puts what a study found where people look: Optuna's dashboard, and MLflow's pages."""

from moe_search.report.charts.optuna.page import save_plots
from moe_search.report.page import Picture
from moe_search.report.pages.html import html_page
from moe_search.report.pages.study import chapter
from moe_search.report.results.study import read_report
from moe_search.report.text.cards import model_card, study_card
from moe_search.search.ledger import StudyRecord
from moe_search.search.study_store import find_study
from moe_search.spec import Study
from moe_search.stores.lock import study_lock
from moe_search.tracking.study_page import describe_model, describe_study


def publish(study: Study) -> None:
    """Write plots to the study's page in Optuna; summary, page and model card to MLflow.

    What an earlier call wrote is written anew. A study without a complete trial has nothing to
    show.

    Raises:
        UserError: a store cannot be opened, a run's tables are gone, or the study is running.
    """
    optuna_study = find_study(study)
    report = read_report(study, optuna_study)
    if not report.summary.best:
        return
    page = chapter(report)
    files = {"report.html": html_page([page]).encode()} | {
        f"{part.name}.{part.suffix}": part.image
        for section in page.sections
        for part in section.parts
        if isinstance(part, Picture)
    }
    with study_lock(study.name, study.addresses):
        save_plots(optuna_study, report)
        study_id = StudyRecord.of(optuna_study).id
        describe_study(report.client, study, study_id, study_card(report), files)
        if report.champion is not None:
            describe_model(report.client, study, model_card(report))
