"""A study after a run of it: what ``moe_search.run`` returns."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moe_search.report.results.summary import BestTrial, Summary, plain
from moe_search.search.ranking import FinalistResult
from moe_search.spec.kinds.stores import Stores

if TYPE_CHECKING:
    from moe_search.search.run import Ended


@dataclass(frozen=True)
class Outcome:
    """A study as it stands, and how the run of it ended.

    Attributes:
        summary: the study.
        ended: the run.
    """

    summary: Summary
    ended: "Ended"

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


def plain_outcome(outcome: Outcome) -> dict[str, Any]:
    """What JSON knows of it, see ``plain``."""
    return {
        **plain(outcome.summary),
        "reason": outcome.reason,
        "interrupted": outcome.interrupted,
        "seconds": outcome.seconds,
    }
