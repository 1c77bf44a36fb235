"""Runs a study, puts what it found on the dashboards' pages, and says how it stands."""

from moe_search.errors import UserError
from moe_search.progress import Note, Working
from moe_search.report.publishing import publish
from moe_search.report.summary import Outcome, conclude, summarize
from moe_search.search.events import Listener
from moe_search.search.run import run_study
from moe_search.search.store import find_study
from moe_search.spec import Study

_BEST = 5


def run_and_publish(study: Study, listener: Listener) -> Outcome:
    """Run a study from where it stands to its champion.

    Args:
        study: what to search.
        listener: told how it goes.

    Raises:
        UserError: the data or a store is not fit.
    """
    ended = run_study(study, listener)
    if not ended.interrupted:
        listener(Working("drawing the dashboards' pages"))
        try:
            publish(study)
        except UserError as error:  # the results stand without pages
            listener(Note(f"the dashboards lack this study's summary: {error}"))
    return conclude(summarize(study, find_study(study), _BEST), ended)
