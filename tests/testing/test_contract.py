"""The earlier name of the contracts."""

import moe_search.contract
import moe_search.testing


def test_the_earlier_name_is_the_same_contract() -> None:
    assert moe_search.contract.BackboneContract is moe_search.testing.BackboneContract
