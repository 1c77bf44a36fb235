"""What splits are called in the names of files, folders, arrays and in columns."""

from typing import Literal

SplitName = Literal["train", "validation", "test"]

SPLITS: dict[str, SplitName] = {
    **dict.fromkeys(("train", "training", "tr"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "te"), "test"),
}
"""The split that a word of people's stands for."""
