"""The earlier name of ``moe_search.testing``, which tests of others import."""

from moe_search.testing import BackboneContract

__all__ = ["BackboneContract"]
