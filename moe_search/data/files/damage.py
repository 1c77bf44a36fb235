"""What libraries raise on a damaged file, or on one that is packed in a way they do not know."""

import lzma
import zipfile
import zlib
from pathlib import Path

from moe_search.errors import UserError
from moe_search.words import one_line

# A damaged header may ask for any amount of memory, or say that an archive is encrypted.
DAMAGE = (
    *(OSError, ValueError, EOFError, KeyError, MemoryError, RuntimeError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
)
"""Of NumPy, pandas, pyarrow, zipfile and the rest of Python's library."""


def damaged(path: Path, error: Exception) -> UserError:
    """What to say of a published file that is missing, damaged or another one."""
    why = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return UserError(one_line(f"{path}: cannot be read ({why}); put the original in place"))
