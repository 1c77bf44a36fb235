"""Puts what a study found where people look: Optuna's dashboard, and MLflow's pages."""

from moe_search.data import load
from moe_search.errors import UserError
from moe_search.progress import Note, Working
from moe_search.report.charts.optuna_page import save_plots
from moe_search.report.outcome import Outcome
from moe_search.report.page import Picture
from moe_search.report.pages.html import html_page
from moe_search.report.pages.study import chapter
from moe_search.report.results.study import read_report
from moe_search.report.results.summary import summarize
from moe_search.report.text.asked import nothing_searched
from moe_search.report.text.cards import model_card, study_card
from moe_search.search.events import Event, Listener, Started
from moe_search.search.run import Read, run_study
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
        describe_study(report.client, study, study_card(report), files)
        if report.champion is not None:
            describe_model(report.client, study, model_card(report))


_BEST = 5


def run_and_publish(study: Study, listener: Listener, read: Read = load) -> Outcome:
    """Run a study from where it stands to its champion.

    Args:
        study: what to search.
        listener: told how it goes.
        read: gives the data.

    Raises:
        UserError: the data or a store is not fit.
    """

    def tell(event: Event) -> None:
        listener(event)
        if isinstance(event, Started) and (note := nothing_searched(study)):
            listener(Note(note))

    ended = run_study(study, tell, read)
    if not ended.interrupted:
        listener(Working("drawing the dashboards' pages"))
        try:
            publish(study)
        except UserError as error:  # the results stand without pages
            listener(Note(f"the dashboards lack this study's summary: {error}"))
    return Outcome(study, summarize(study, find_study(study), _BEST), ended)
