"""Looks at a data set, as far as a first study of it needs to know."""

from collections import Counter
from pathlib import Path

from moe_search.data.files.image_files import image_files, to_save_anew
from moe_search.data.files.tables import why_no_table
from moe_search.data.load import KNOWN, own_readers, reader_of
from moe_search.data.sets.base import DataSet, Survey
from moe_search.errors import UserError
from moe_search.progress import Progress, silent
from moe_search.spec.kinds.data_sets import DATA_SETS
from moe_search.spec.sections import Data
from moe_search.words import did_you_mean


def survey(data: str, progress: Progress = silent) -> Survey:
    """Looks at a known data set by its name, or at one's own by its path.

    Raises:
        UserError: there is no such data, no data set reads it, or it is damaged.
    """
    path = Path(data)
    if data in DATA_SETS and DATA_SETS[data].path is None:
        return _survey(Data(name=data), progress)
    if not path.exists():
        raise UserError(
            f"--data {data}: no such file or folder{did_you_mean(data, KNOWN)} "
            f"known data sets are: {', '.join(KNOWN)}"
        )
    name = reader_of(path)
    if name is not None:
        return _survey(Data(name=name, path=path), progress)
    others = Counter([path.suffix])
    list(image_files(path, others))
    if anew := to_save_anew(others):
        raise UserError(f"--data {data}: holds no images that are read{anew}")
    if why := why_no_table(path):
        raise UserError(f"--data {data}: {why}")
    readers = ", ".join(f"{name} ({DATA_SETS[name].path})" for name in own_readers())
    raise UserError(f"--data {data}: nothing reads it; one's own data is for {readers}")


def _survey(source: Data, progress: Progress) -> Survey:
    data_set: DataSet = DATA_SETS[source.name].load()
    return data_set.survey(source, progress)
