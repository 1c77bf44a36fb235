"""Which expert owns which class."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_search.errors import UserError
from moe_search.spec.class_groups import check_form, owners


@settings(derandomize=True, deadline=None)
@given(st.integers(1, 120), st.data())
def test_even_groups_differ_by_one_class_at_most_and_are_in_order(
    classes: int, draw: st.DataObject
) -> None:
    experts = draw.draw(st.integers(1, classes))
    found = owners("even", classes, experts)
    sizes = Counter(found).values()
    assert len(sizes) == experts
    assert max(sizes) - min(sizes) <= 1
    assert sorted(found) == list(found)


@settings(derandomize=True, deadline=None)
@given(st.permutations(range(9)), st.sets(st.integers(1, 8)))
def test_each_expert_owns_the_classes_of_its_group(order: list[int], cuts: set[int]) -> None:
    ends = [0, *sorted(cuts), 9]
    groups = [order[start:end] for start, end in pairwise(ends)]
    text = " | ".join(",".join(map(str, group)) for group in groups)
    found = owners(check_form(text), 9, len(groups))
    for expert, group in enumerate(groups):
        assert {found[number] for number in group} == {expert}


def test_superclasses_of_cifar_100_are_twenty_of_five() -> None:
    found = owners("superclasses", 100, 20)
    assert set(Counter(found).values()) == {5}
    assert found[0] == found[53] == found[57] == found[51] == found[83]  # fruit and vegetables


@pytest.mark.parametrize("text", ["", "0,1|", "a|b", "-1,0", "0 1|2", "0.5|1", "even|odd"])
def test_what_is_no_list_of_groups_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected even, superclasses, or class numbers"):
        check_form(text)


@pytest.mark.parametrize(
    ("text", "classes", "experts", "why"),
    [
        ("0,1|2", 4, 2, "does not name each of the classes 0 to 3 once"),
        ("0,1|1,2", 3, 2, "does not name each of the classes 0 to 2 once"),
        ("0,1|2", 3, 3, "makes 2 groups where model.experts may be 3"),
        ("even", 4, 5, "makes 4 groups where model.experts may be 5"),
        ("superclasses", 10, 20, "are those of CIFAR-100; this data has 10 classes"),
        ("superclasses", 100, 5, "makes 20 groups where model.experts may be 5"),
    ],
)
def test_groups_that_do_not_fit(text: str, classes: int, experts: int, why: str) -> None:
    with pytest.raises(UserError, match=f"^training.class_groups: .*{why}"):
        owners(text, classes, experts)
