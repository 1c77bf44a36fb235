"""Runs a study from study.yaml to its champion.

Little is imported here: workers take seconds to start, and what the coordinator needs is imported
meanwhile.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from moe_search.data import Dataset, load
from moe_search.progress import Progress, Working
from moe_search.search.events import Listener
from moe_search.search.executors import opener
from moe_search.spec import Data, Study
from moe_search.spec.fit import check_fit

Read = Callable[[Data, bool, Progress], Dataset]
"""Gives the data of a source, with its test split where that is asked for."""


@dataclass(frozen=True)
class Ended:
    """How a run of a study ended.

    Attributes:
        reason: why it stopped, in words.
        interrupted: by Ctrl-C; the same command goes on.
        seconds: wall time of this run.
    """

    reason: str
    interrupted: bool
    seconds: float


def run_study(study: Study, listener: Listener, read: Read = load) -> Ended:
    """Search, then the finals. The same call goes on where an earlier one ended.

    Args:
        study: what to search.
        listener: told of every trial.
        read: gives the data.

    Raises:
        UserError: the data, a store or the study's earlier space do not fit; nothing is created
            where the data, the networks, a store's address or a Ray cluster are at fault. Or a
            disk or a store fails on the way; nothing is lost by that. Or all trials
            fail, or all finalists.
    """
    started = time.monotonic()
    workers = opener(study, listener)
    listener(Working("reading the data"))
    data = read(study.source, bool(study.configurations) or study.finalists.top > 0, listener)
    check_fit(study, data.shape, len(data.classes))
    with workers.joined():  # it may take over signals, too, and so comes first
        from moe_search.search.on_data import run_on_data

        reason, interrupted = run_on_data(study, data, workers, listener, started)
    return Ended(reason, interrupted, time.monotonic() - started)
