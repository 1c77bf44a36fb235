"""What a data set declares of itself."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from moe_search.data.catalogue import Files, find, locate
from moe_search.data.dataset import Moments, Raw
from moe_search.data.encoding import Encoding
from moe_search.progress import Progress
from moe_search.spec.sections import Data


@dataclass(frozen=True)
class Survey:
    """What a data set holds, as far as a first study of it needs to know.

    Attributes:
        source: what to load.
        shape: of one sample as loaded, (C, H, W) or (F,).
        counts: training samples by class.
        own_validation: whether the data brings a validation split.
        comments: what there is to say of keys of the data section.
        notes: what else there is to say, a line each.
    """

    source: Data
    shape: tuple[int, ...]
    counts: Mapping[str, int]
    own_validation: bool
    comments: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


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

    def downloads(self, root: Path | None) -> bool:
        """Whether it is downloaded before it can be read."""
        return False

    def claims(self, path: Path) -> bool:
        """Whether a file or folder of a user's is likely to be for it."""
        return False

    def survey(self, source: Data, progress: Progress) -> Survey:
        """Look at it, and say with which keys it is to be read.

        Args:
            source: its name, and the path of a user's own data.
            progress: told what takes a while.

        Raises:
            UserError: data missing or damaged.
        """
        return surveyed(source, self.read(source, True, progress))


def surveyed(source: Data, raw: Raw) -> Survey:
    """What data holds that was read."""
    counts = Counter(raw.classes[label] for label in raw.training.y)
    if raw.kinds is None:
        shape = raw.training.x.shape[1:]
    else:
        shape = (len(Encoding.fit(raw.training.x, raw.kinds).features),)
    return Survey(source, shape, counts, raw.validation is not None)


@dataclass(frozen=True, kw_only=True)
class TorchvisionSet(DataSet):
    """A published data set whose files torchvision knows.

    Attributes:
        files: where they lie, and how they are fetched.
    """

    files: Files

    def folder(self, root: Path | None, progress: Progress) -> Path:
        """The folder with its files, found or downloaded."""
        return locate(self.files, root, progress)

    def downloads(self, root: Path | None) -> bool:
        """Whether its files are nowhere, but can be fetched."""
        return not self.files.page and find(self.files, root) is None


@dataclass(frozen=True, kw_only=True)
class PublishedSet(TorchvisionSet):
    """One that has a single form: its arrays are as its files hold them."""

    def read(self, source: Data, test: bool, progress: Progress) -> Raw:
        """Read it from where it lies, once it is downloaded where it is nowhere."""
        return self.read_folder(self.folder(source.root, progress), test)

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
