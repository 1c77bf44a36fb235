"""moe-search's own executors keep to the contract."""

from moe_search.testing import ExecutorContract


class TestLocal(ExecutorContract):
    name = "local"
