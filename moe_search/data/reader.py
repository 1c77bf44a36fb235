"""Data that one study after another is trained on."""

from moe_search.data.dataset import Dataset
from moe_search.data.load import load
from moe_search.progress import Progress
from moe_search.spec.sections import Data


class Reader:
    """Reads data as ``load`` does, but not again where the study before has the same."""

    def __init__(self) -> None:
        self._key = ""
        self._data: Dataset | None = None

    def __call__(self, source: Data, test: bool, progress: Progress) -> Dataset:
        """The data, of which only the last is kept.

        Raises:
            UserError: what ``load`` raises.
        """
        key = f"{source.model_dump_json(exclude={'cache'})} {test}"
        if self._data is None or self._key != key:
            self._data = None  # its files make room
            self._data, self._key = load(source, test, progress), key
        return self._data
