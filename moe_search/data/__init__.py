"""Data sets as arrays: read, split and normalised. Nothing here needs torch."""

from moe_search.data.dataset import Dataset, Source, Split
from moe_search.data.load import Prepared, load, prepare

__all__ = ["Dataset", "Prepared", "Source", "Split", "load", "prepare"]
