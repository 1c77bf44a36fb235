"""A study after a run of it: what ``moe_search.run`` returns."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from moe_search.report.pages.html import notebook_html
from moe_search.report.results.summary import BestTrial, Summary, plain
from moe_search.report.results.trials import trials_dataframe
from moe_search.report.text.search import study_tables
from moe_search.report.text.status import counts_text
from moe_search.search.ranking import FinalistResult
from moe_search.search.run import Ended
from moe_search.search.study_store import find_study
from moe_search.spec import Study
from moe_search.spec.kinds.stores import Stores

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Outcome:
    """A study as it stands, and how the run of it ended.

    A notebook shows it as tables.

    Attributes:
        asked: the study that was run.
        summary: the study as it stands.
        ended: the run.
    """

    asked: Study = field(repr=False)
    summary: Summary
    ended: Ended

    @property
    def study(self) -> str:
        """The study's name."""
        return self.summary.study

    @property
    def trials(self) -> int:
        """The number of trials wanted."""
        return self.summary.trials

    @property
    def counts(self) -> dict[str, int]:
        """Trials by state: complete, pruned, failed, running, waiting."""
        return self.summary.counts

    @property
    def best(self) -> tuple[BestTrial, ...]:
        """The best configurations, best first."""
        return self.summary.best

    @property
    def finalists(self) -> tuple[FinalistResult, ...]:
        """Those that were trained again over fresh seeds, best first."""
        return self.summary.finalists

    @property
    def champion(self) -> str | None:
        """URI of the registered model, for ``load_model``; None where there is none."""
        return self.summary.champion

    @property
    def stores(self) -> Stores:
        """Where the results lie."""
        return self.summary.stores

    @property
    def reason(self) -> str:
        """Why the run ended, in words."""
        return self.ended.reason

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended it; the same call goes on."""
        return self.ended.interrupted

    @property
    def seconds(self) -> float:
        """Wall time of this run."""
        return self.ended.seconds

    def trials_dataframe(self) -> "DataFrame":
        """Every trial in a row, as it stands in the store now, by its number.

        Columns: ``state``, ``value`` (or ``value/NAME`` of each of several), each metric on the
        validation split (entropies in bits), each searched value by its path, ``seconds``,
        ``reason``, ``model`` and ``run_id``.

        Raises:
            UserError: the store does not answer.
        """
        return trials_dataframe(self.asked, find_study(self.asked))

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        text = f"{self.reason}; {counts_text(self.summary)}"
        return notebook_html(self.study, text, study_tables(self.summary, None))


def plain_outcome(outcome: Outcome) -> dict[str, Any]:
    """What JSON knows of it, see ``plain``."""
    return {
        **plain(outcome.summary),
        "reason": outcome.reason,
        "interrupted": outcome.interrupted,
        "seconds": outcome.seconds,
    }
