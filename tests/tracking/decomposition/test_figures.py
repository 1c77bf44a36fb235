import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from support.random_decompositions import draw_decomposition, draw_usage

from moe_search.moe.decomposition import Decomposition
from moe_search.report.charts.atlas import draw as atlas
from moe_search.tracking.decomposition.figures import (
    FIGURES,
    class_by_expert,
    expert_confusion,
    usage_per_epoch,
)
from moe_search.tracking.decomposition.model_view import ModelView

Draw = Callable[[ModelView], bytes]

EVERY = pytest.mark.parametrize("draw", [figure.draw for figure in FIGURES])


def view(
    decomposition: Decomposition, classes: list[str] | None = None, title: str = "trial 7"
) -> ModelView:
    """A model after five epochs."""
    classes = names(len(decomposition.model_CK)) if classes is None else classes
    return ModelView(decomposition, classes, draw_usage(5, len(decomposition.soft_CM.T)), title)


def of_usage(usage_EM: np.ndarray, title: str = "trial 7") -> ModelView:
    return replace(view(draw_decomposition(3, usage_EM.shape[1]), title=title), usage_EM=usage_EM)


def pixels(png: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    return np.asarray(image.convert("RGB"))


def names(classes: int) -> list[str]:
    return [f"class {c}" for c in range(classes)]


def check_picture(png: bytes) -> None:
    """One size for all, light, little, with something in it, and nothing cut at the edge."""
    picture = pixels(png)
    assert picture.shape == (480, 720, 3)
    assert len(png) < 60_000
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    assert border.min() > 250
    assert picture.min() < 50


@EVERY
@pytest.mark.parametrize(
    ("classes", "experts"), [(10, 8), (2, 1), (1, 1), (10, 1), (100, 1), (100, 20), (10, 64)]
)
def test_figures_of_any_size(draw: Draw, classes: int, experts: int) -> None:
    check_picture(draw(view(draw_decomposition(classes, experts))))


@pytest.mark.parametrize(("epochs", "experts"), [(20, 8), (1, 1), (1, 5), (2, 64), (60, 20)])
def test_usage_of_any_size(epochs: int, experts: int) -> None:
    check_picture(usage_per_epoch.draw(of_usage(draw_usage(epochs, experts))))


@pytest.mark.parametrize("trials", [1, 2, 12])
def test_atlas_of_trials_with_experts_of_their_own_number(trials: int) -> None:
    entries = [(f"trial {n}", draw_decomposition(10, 2 + n).soft_CM) for n in range(trials)]
    check_picture(atlas(entries, names(10)))


@EVERY
def test_same_model_same_bytes_other_model_other_bytes(draw: Draw) -> None:
    def drawn(seed: int) -> bytes:
        model = view(draw_decomposition(10, 5, seed))
        return draw(replace(model, usage_EM=draw_usage(9, 5, seed)))

    assert drawn(seed=0) == drawn(seed=0)
    assert drawn(seed=0) != drawn(seed=1)


def test_class_by_expert_colours_shares_of_each_class_from_dark_to_light() -> None:
    table_CM = np.array([[100.0, 0.0], [0.0, 1.0]])
    split = replace(draw_decomposition(2, 2), hard_CM=table_CM, soft_CM=table_CM)
    luminance = pixels(class_by_expert.draw(view(split, ["", ""], ""))).mean(2)
    # Off the middle of each cell of the left table, where its number stands.
    top_left, top_right = luminance[120, 60], luminance[120, 250]
    bottom_left, bottom_right = luminance[300, 60], luminance[300, 250]
    assert top_left == bottom_right > 130
    assert top_right == bottom_left < 60


def test_class_without_samples_and_expert_without_samples() -> None:
    one = draw_decomposition(4, 3)
    for table in (one.soft_CM, one.hard_CM, one.model_CK):
        table[2] = 0
    one.confusion_MCK[:, 2] = 0
    one.soft_CM[:, 1] = one.hard_CM[:, 1] = 0
    one.chosen_MK[1] = 0
    for png in (
        class_by_expert.draw(view(one)),
        expert_confusion.draw(view(one)),
        atlas([("trial 7", one.soft_CM)], names(4)),
    ):
        check_picture(png)
        grey = (abs(pixels(png).astype(int) - 225) < 6).all(2)
        assert grey.mean() > 0.05, "the row of the absent class is neither dark nor light"


def test_long_names_and_titles_are_shortened_to_fit() -> None:
    long = "a name that goes on\nand on " * 10
    one = draw_decomposition(3, 2)
    check_picture(atlas([(long, one.soft_CM)] * 12, [long] * 3))
    for figure in FIGURES:
        check_picture(figure.draw(view(one, [long] * 3, long)))


def test_usage_stacks_up_to_the_share_of_each_expert() -> None:
    usage_EM = np.array([[0.25, 0.75], [0.25, 0.75]])
    picture = pixels(usage_per_epoch.draw(of_usage(usage_EM, "")))[:, 300].astype(int)
    dark = (picture.sum(1) < 200).sum()
    light = ((picture.sum(1) > 300) & (picture.sum(1) < 700)).sum()
    assert dark / (dark + light) == pytest.approx(0.25, abs=0.02)


def test_shortened_titles_that_end_differently_look_different() -> None:
    soft_CM = draw_decomposition(3, 2).soft_CM
    one, other = (
        atlas([(f"attentive + L_importance {weight}", soft_CM)] * 8, names(3)) for weight in (1, 2)
    )
    assert one != other
