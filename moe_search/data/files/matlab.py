"""Arrays of MATLAB's files."""

from pathlib import Path
from typing import Any

import numpy.typing as npt

from moe_search.data.files.damage import DAMAGE, damaged


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
        raise damaged(path, error) from error
