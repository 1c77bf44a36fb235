"""Kinds of stores by their URLs: files, database servers, MLflow servers."""

from moe_search.spec.kinds.stores import store_kind
from moe_search.stores.kinds.base import Store


def store_at(url: str) -> Store:
    """The store with a URL, which need not be there."""
    return store_kind(url).load_class(Store)(url)
