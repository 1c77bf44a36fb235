"""What libraries raise on a damaged file, or on one that is packed in a way they do not know."""

import lzma
import zipfile
import zlib

# A damaged header may ask for any amount of memory, or say that an archive is encrypted.
DAMAGE = (
    *(OSError, ValueError, EOFError, KeyError, MemoryError, RuntimeError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
)
"""Of NumPy, pandas, pyarrow, zipfile and the rest of Python's library."""
