"""Explanations say what the model's parts say, in numbers and in a picture."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.drawn_models import GREY, RGB, classifier

from moe_search.errors import UserError
from moe_search.models.explain import explain, opinions_table, picture, plain_explanation
from moe_search.moe.decomposition import entropy


@pytest.fixture
def file(tmp_path: Path) -> Path:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((3, *GREY), np.float32))
    return tmp_path / "x.npy"


def test_every_expert_is_quoted_with_its_share_of_the_gate(file: Path) -> None:
    model = classifier(GREY)
    x = torch.from_numpy(np.load(file))
    p_BC, gate_BM, says_BMC = model(x), model.gate(x), model.experts(x)
    found = list(explain(model, file))
    assert [one.sample for one in found] == [0, 1, 2]
    for b, one in enumerate(found):
        assert one.label == model.labels[int(p_BC[b].argmax())]
        assert one.probability == pytest.approx(float(p_BC[b].max()))
        assert one.sample_entropy == pytest.approx(entropy(gate_BM[b].numpy()))
        shares = [opinion.share for opinion in one.experts]
        assert shares == sorted(gate_BM[b].tolist(), reverse=True)
        for opinion in one.experts:
            says_C = says_BMC[b, opinion.expert]
            assert opinion.share == float(gate_BM[b, opinion.expert])
            assert opinion.label == model.labels[int(says_C.argmax())]
            assert opinion.probability == pytest.approx(float(says_C.max()))


def test_the_table_and_json_say_the_same(file: Path) -> None:
    one = next(explain(classifier(GREY), file))
    table, plain = opinions_table(one), plain_explanation(one)
    assert table.title.startswith(f"x.npy[0]: {one.label} ({one.probability:.1%}), expert ")
    assert [row[0] for row in table.rows] == [str(e["expert"]) for e in plain["experts"]]
    assert plain["sample"] == 0


@pytest.mark.parametrize("shape", [GREY, RGB])
def test_the_picture_shows_the_image_beside_what_is_said_of_it(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    np.save(tmp_path / "x.npy", np.ones((2, *shape), np.float32) * np.float32(0.5))
    found = list(explain(classifier(shape), tmp_path / "x.npy"))
    pixels = np.asarray(Image.open(io.BytesIO(picture(found, ["a", "b", "c"]))).convert("RGB"))
    assert pixels.shape[0] == 2 * 480
    assert abs(pixels[200, 100].astype(int) - 128).max() < 8
    other = [replace(one, gate_M=one.gate_M[::-1]) for one in found]
    assert picture(other, ["a", "b", "c"]) != picture(found, ["a", "b", "c"])


def test_features_have_no_image(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((1, 5), np.float32))
    found = list(explain(classifier((5,)), tmp_path / "x.npy"))
    assert Image.open(io.BytesIO(picture(found, ["a", "b", "c"]))).size == (720, 480)


def test_too_many_samples_for_a_picture_are_refused(file: Path) -> None:
    found = list(explain(classifier(GREY), file)) * 7
    with pytest.raises(UserError, match="21 samples; a picture shows at most 20"):
        picture(found, ["a", "b", "c"])
