"""Arrays of MATLAB's files."""

from pathlib import Path
from typing import Any

import numpy.typing as npt

from moe_search.data.files.damage import DAMAGE
from moe_search.errors import UserError
from moe_search.words import one_line


def read_matlab(path: Path, *names: str) -> list[npt.NDArray[Any]]:
    """The arrays of these names.

    Raises:
        UserError: the file is missing or damaged, or lacks one of them.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        content = loadmat(path)
        return [content[name] for name in names]
    except (*DAMAGE, TypeError, MatReadError) as error:
        why = one_line(str(error)) or type(error).__name__
        raise UserError(f"{path}: cannot be read ({why}); put the original in place") from error
