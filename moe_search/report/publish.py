"""Runs a study, and then puts what it found where people look."""

from threading import Thread
from typing import TYPE_CHECKING

from moe_search.data import load
from moe_search.errors import UserError
from moe_search.progress import Note, Working
from moe_search.report.text.asked import nothing_searched
from moe_search.search.events import Event, Listener, Started
from moe_search.search.run import Read, run_study
from moe_search.spec import Study

if TYPE_CHECKING:
    from moe_search.report.outcome import Outcome

_BEST = 5


def run_and_publish(study: Study, listener: Listener, read: Read = load) -> "Outcome":
    """Run a study from where it stands to its champion.

    Args:
        study: what to search.
        listener: told how it goes.
        read: gives the data.

    Raises:
        UserError: the data or a store is not fit.
    """
    loading = Thread(target=_load)

    def tell(event: Event) -> None:
        listener(event)
        if isinstance(event, Started):
            loading.start()
            if note := nothing_searched(study):
                listener(Note(note))

    ended = run_study(study, tell, read)
    from moe_search.report.dashboards import publish
    from moe_search.report.outcome import Outcome
    from moe_search.report.results.summary import summarize
    from moe_search.search.study_store import find_study

    if not ended.interrupted:
        listener(Working("drawing the dashboards' pages"))
        try:
            publish(study)
        except UserError as error:  # the results stand without pages
            listener(Note(f"the dashboards lack this study's summary: {error}"))
    return Outcome(study, summarize(study, find_study(study), _BEST), ended)


def _load() -> None:
    """Import what draws; it takes more than a second, while the first trials train."""
    from moe_search.report import dashboards, outcome  # noqa: F401
