"""Whether what a study trains fits its data set, told before anything is trained."""

from itertools import product

from moe_search.spec.checks import ends
from moe_search.spec.class_groups import owners
from moe_search.spec.configuration import Model, resolve_backbone
from moe_search.spec.domains import options
from moe_search.spec.kinds.layers import Shape
from moe_search.spec.study import ROW, Study


def check_fit(study: Study, shape: Shape, classes: int) -> None:
    """Refuses networks and class groups that do not fit a data set.

    Args:
        study: what trains them.
        shape: of one sample, (C, H, W) or (F,).
        classes: number of classes.

    Raises:
        UserError: one does not.
    """
    for model in _models(study):
        resolve_backbone(model, study.data.preset, shape, classes)
    for class_groups, experts in sorted(_class_groups(study)):
        owners(class_groups, classes, experts)


def _models(study: Study) -> list[Model]:
    """Every combination of networks that a trial may have; other fields are defaults."""
    if study.configurations:
        return [study.configuration({ROW: name}).model for name in study.configurations]
    names = ("backbone", "gate", "kind")
    combinations = product(*(options(getattr(study.model, name)) for name in names))
    return [Model.model_validate(dict(zip(names, c, strict=True))) for c in combinations]


def _class_groups(study: Study) -> set[tuple[str, int]]:
    """Class groups with the least, largest or chosen expert counts that they may meet."""
    if study.configurations:
        rows = [study.configuration({ROW: name}) for name in study.configurations]
        return {
            (row.training.class_groups, row.model.experts)
            for row in rows
            if row.training.pretraining == "class_groups"
        }
    settings = study.settings
    if "class_groups" not in options(settings["training.pretraining"]):
        return set()
    names = map(str, options(settings["training.class_groups"]))
    return set(product(names, ends(settings["model.experts"])))
