"""What runs jobs: processes of this machine, or actors of a cluster."""

from moe_search.progress import Progress
from moe_search.search.executors.base import Opener
from moe_search.spec import Study
from moe_search.spec.kinds.executors import kind_of


def opener(study: Study, progress: Progress) -> Opener:
    """Opens the executor that a study names.

    Args:
        study: whose workers they are.
        progress: told what takes a while, and what is not as the study asks.
    """
    made: Opener = kind_of(study.search.executor).load()(study, progress)
    return made
