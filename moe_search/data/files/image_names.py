"""Which image a name in a table means."""

import re
from collections import Counter
from pathlib import Path, PureWindowsPath
from typing import Any

from moe_search.data.files.image_files import image_files
from moe_search.data.files.images import SUFFIXES
from moe_search.data.files.split_words import SPLITS, SplitName
from moe_search.data.files.tables import Frame

_LOOKED_AT = 50  # names of a column, which tell whether it names files
_MOST = 0.9  # of them are files, if it does


class ImageNames:
    """Finds the images of a folder by their paths, names or names without suffix."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[str, list[Path]] = {}
        for image in image_files(root, Counter()):
            for key in {image.name, image.stem}:
                self._known.setdefault(key, []).append(image)

    def find(self, name: str, table: Path, split: str) -> Path | None:
        """The image of a name that a table gives; None where there is none, or more than one.

        Of several with the name it is the one in a folder that is called as the split is. What
        parts folders may be Windows' backslash.
        """
        slashed = PureWindowsPath(name).as_posix()
        for base in (table.parent, self._root):
            for image in (base / name, base / slashed):
                if image.suffix.lower() in SUFFIXES and image.is_file():
                    return image
        found = self._known.get(name, [])
        if len(found) > 1:
            tops = [one.relative_to(self._root).parts[0] for one in found]
            found = [one for one, top in zip(found, tops, strict=True) if split_of(top) == split]
        return found[0] if len(found) == 1 else None

    def column(self, frame: Frame, table: Path, split: str) -> str | None:
        """The column whose values name images; None where there is none."""
        for name in frame.columns:
            values = frame[name][:_LOOKED_AT]
            known = len(values) - len(self.unknown(values, table, split))
            if known >= _MOST * len(values):
                return str(name)
        return None

    def unknown(self, values: Any, table: Path, split: str) -> list[str]:
        """Those of some values, of the first of them, that name no image."""
        texts = map(str, values[:_LOOKED_AT])
        return [text for text in texts if self.find(text, table, split) is None]


def split_of(name: str) -> SplitName | None:
    """The split that the first word of a name says, as of train_images or val2017."""
    return SPLITS.get(re.split("[^a-z]", name.lower())[0])
