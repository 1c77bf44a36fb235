"""What a study is to learn from and how much it is to train, before anything is run."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from moe_search.data.contents import Contents, look
from moe_search.errors import UserError
from moe_search.progress import Progress, Working
from moe_search.search.outlook.size import Size, size_of
from moe_search.spec import Study
from moe_search.spec.fit import check_fit

if TYPE_CHECKING:
    from moe_search.search.outlook.estimate import Estimate


@dataclass(frozen=True)
class Outlook:
    """What is known of a study before it is run.

    Attributes:
        study: as it was asked for.
        contents: of its data; None where that is yet to be downloaded.
        size: how much is to be trained.
        estimate: about how long it takes, if that was asked for.
    """

    study: Study
    contents: Contents | None
    size: Size
    estimate: "Estimate | None" = None


def outlook(study: Study, timed: bool, progress: Progress) -> Outlook:
    """Look at a study's data, and check that its networks fit them; changes nothing.

    Args:
        study: what was asked for.
        timed: whether to time a few batches, too.
        progress: told what takes a while.

    Raises:
        UserError: the data or the networks do not fit, or it cannot be timed.
    """
    progress(Working("reading the data"))
    contents = look(study.source, progress)
    if contents is not None:
        check_fit(study, contents.shape, len(contents.classes))
    size = size_of(study)
    if not timed:
        return Outlook(study, contents, size)
    from moe_search.search.outlook.estimate import estimate  # which loads Optuna

    if contents is None:
        raise UserError(
            f"--estimate: {study.data.name} is not on this machine; moe-search data prepare "
            f"{study.data.name} downloads it"
        )
    progress(Working("timing some batches"))
    return Outlook(study, contents, size, estimate(study))
