"""Data sets as resident tensors: splits, normalisation, augmentation as tensor operations."""

from moe_search.data.augment import augment
from moe_search.data.dataset import Dataset, Source, Split
from moe_search.data.load import Prepared, load, prepare

__all__ = ["Dataset", "Prepared", "Source", "Split", "augment", "load", "prepare"]
