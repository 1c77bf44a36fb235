"""Class groups: which expert is pretrained on which classes."""

from moe_search.errors import UserError
from moe_search.words import show

EVEN, SUPERCLASSES = "even", "superclasses"
_FORMS = f"{EVEN}, {SUPERCLASSES}, or class numbers of each expert such as '0,7|1,9|2,4|3,8|5,6'"

_CIFAR100 = (
    *(4, 1, 14, 8, 0, 6, 7, 7, 18, 3, 3, 14, 9, 18, 7, 11, 3, 9, 7, 11, 6, 11, 5, 10, 7),
    *(6, 13, 15, 3, 15, 0, 11, 1, 10, 12, 14, 16, 9, 11, 5, 5, 19, 8, 8, 15, 13, 14, 17, 18, 10),
    *(16, 4, 17, 4, 2, 0, 17, 4, 18, 17, 10, 3, 2, 12, 12, 16, 12, 1, 9, 19, 2, 10, 0, 1, 16),
    *(12, 9, 13, 15, 13, 16, 19, 2, 4, 6, 19, 5, 5, 8, 19, 18, 1, 2, 15, 6, 0, 17, 8, 14, 13),
)
"""The superclass of each class of CIFAR-100, as its own files number them."""


def check_form(text: str) -> str:
    """Returns class groups that are written as they should be.

    Raises:
        ValueError: they are not.
    """
    if text in (EVEN, SUPERCLASSES):
        return text
    groups = text.split("|")
    numbers = [number.strip() for group in groups for number in group.split(",")]
    if not all(number.isascii() and number.isdigit() and len(number) <= 7 for number in numbers):
        raise ValueError(f"expected {_FORMS}; got {show(text)}")
    return text


def owners(text: str, classes: int, experts: int) -> tuple[int, ...]:
    """The expert that owns each class.

    Args:
        text: ``even`` gives the classes to the experts in order, as evenly as can be;
            ``superclasses`` are the 20 of CIFAR-100; else a group for each expert.
        classes: of the data, numbered from 0.
        experts: of the model.

    Raises:
        UserError: not every class has one expert, or not every expert a class.
    """
    if text == EVEN:
        expert_of_class = tuple(number * experts // classes for number in range(classes))
    elif text == SUPERCLASSES:
        if classes != len(_CIFAR100):
            _refuse(f"superclasses are those of CIFAR-100; this data has {classes} classes")
        expert_of_class = _CIFAR100
    else:
        pairs = sorted(
            (int(number), expert)
            for expert, group in enumerate(text.split("|"))
            for number in group.split(",")
        )
        if [number for number, _ in pairs] != list(range(classes)):
            _refuse(f"{show(text)} does not name each of the classes 0 to {classes - 1} once")
        expert_of_class = tuple(expert for _, expert in pairs)
    groups = len(set(expert_of_class))
    if groups != experts:
        _refuse(
            f"{show(text)} makes {groups} groups where model.experts may be {experts}; "
            "each expert needs one of its own"
        )
    return expert_of_class


def _refuse(why: str) -> None:
    raise UserError(f"training.class_groups: {why}")
