"""Data sets as arrays: read, split and normalised. Nothing here needs torch."""

from moe_search.data.dataset import Dataset, Samples, Split
from moe_search.data.load import Prepared, Reader, load, prepare

__all__ = ["Dataset", "Prepared", "Reader", "Samples", "Split", "load", "prepare"]
