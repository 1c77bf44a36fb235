"""What a data set declares of itself."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from moe_search.data.catalogue import Files, locate
from moe_search.data.dataset import Moments, Raw
from moe_search.progress import Progress
from moe_search.spec.sections import Data


@dataclass(frozen=True, kw_only=True)
class DataSet(ABC):
    """A data set: its facts, and how it is read.

    Attributes:
        moments: by which the literature normalises it; None for those of its training split.
        augmented: whether it is trained with random flips and crops unless a study says otherwise.
    """

    moments: Moments | None = None
    augmented: bool = False

    @abstractmethod
    def read(self, source: Data, test: bool, progress: Progress) -> Raw:
        """Read it as stored.

        Args:
            source: the study's data section, with absolute paths.
            test: whether the test split is asked for.
            progress: told what takes a while.

        Raises:
            UserError: data missing, damaged or not fit for what ``source`` asks.
        """

    def folder(self, root: Path | None, progress: Progress) -> Path | None:
        """The folder with its files, found or downloaded; None where it has none of its own.

        Raises:
            UserError: they are nowhere and could not be downloaded.
        """
        return None


@dataclass(frozen=True, kw_only=True)
class PublishedSet(DataSet):
    """A data set whose files torchvision knows.

    Attributes:
        files: where they lie, and how they are fetched.
    """

    files: Files

    def read(self, source: Data, test: bool, progress: Progress) -> Raw:
        """Read it from where it lies, once it is downloaded where it is nowhere."""
        return self.read_folder(self.folder(source.root, progress), test)

    def folder(self, root: Path | None, progress: Progress) -> Path:
        """The folder with its files, found or downloaded."""
        return locate(self.files, root, progress)

    @abstractmethod
    def read_folder(self, folder: Path, test: bool) -> Raw:
        """Read it from the folder with its files.

        Raises:
            UserError: a file is missing or damaged.
        """


def own_path(source: Data) -> Path:
    """The path of a user's own data, which study.yaml must name."""
    assert source.path is not None
    return source.path
