"""Presets against the paper's parameter counts, widths, and which networks a study gets."""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import prod
from pathlib import Path

import pytest

from moe_search.errors import UserError
from moe_search.spec import PRESETS, Backbone, Data, Model, resolve_backbone
from moe_search.spec.backbones import width
from moe_search.spec.kinds.data_sets import DATA_SETS
from moe_search.spec.kinds.layers import Conv, Layer, Linear, MaxPool, Residual, Shape, name_of

SHAPES: dict[str, Shape] = {
    "digits": (1, 8, 8),
    "mnist": (1, 28, 28),
    "fashion_mnist": (1, 28, 28),
    "mlp": (20,),
    "mlp_d64": (20,),
    "mlp_table": (20,),
    "mlp_embedding": (384,),
    "conv": (3, 32, 32),
    "residual": (3, 32, 32),
} | {name: (3, 32, 32) for name in PRESETS if name.startswith("cifar")}

WEIGHTLESS = ("batch_norm", "layer_norm", "max_pool", "global_avg_pool", "dropout")
"""What may stand before or after a ReLU; a norm has weights, but mixes nothing."""
BENDS = ("relu", "gelu")


def parameters(layers: Sequence[Layer], shape: Shape, outputs: int) -> int:
    """Counts a body's parameters and those of its linear head."""
    count = 0
    for layer in layers:
        match layer:
            case Conv(conv=channels, kernel=kernel, bias=bias):
                count += channels * shape[0] * kernel**2 + channels * bias
            case Linear(linear=features):
                count += (prod(shape) + 1) * features
            case "batch_norm":
                count += 2 * shape[0]
        after = width([layer], shape, "")
        match layer:
            case Linear():
                shape = (after,)
            case Conv(conv=channels, kernel=kernel, padding=padding):
                shape = (channels, *(side + 2 * padding - kernel + 1 for side in shape[1:]))
            case MaxPool(max_pool=window):
                shape = (shape[0], *(side // window for side in shape[1:]))
        assert prod(shape) == after
    return count + (prod(shape) + 1) * outputs


@pytest.mark.parametrize(
    ("preset", "classes", "experts", "expert_count", "gate_count"),
    [
        ("mnist", 10, 5, 1_382, 26_063),
        ("fashion_mnist", 10, 5, 13_300, 709_413),
        ("cifar10_conv4", 10, 5, 10_490, 1_502_661),
        ("cifar100", 100, 20, 438_820, 2_668_948),
        ("cifar100_hidden256", 100, 20, 911_012, 3_917_332),
        ("cifar100_d64", 100, 20, 72_260, 2_634_836),
    ],
)
def test_presets_have_the_papers_parameter_counts(
    preset: str, classes: int, experts: int, expert_count: int, gate_count: int
) -> None:
    backbone, shape = PRESETS[preset], SHAPES[preset]
    assert parameters(backbone.expert, shape, classes) == expert_count
    assert parameters(backbone.gate, shape, experts) == gate_count


@pytest.mark.parametrize(
    ("preset", "classes", "experts", "total"),
    [
        ("mnist", 10, 5, 32_973),
        ("fashion_mnist", 10, 5, 775_913),
        ("cifar100", 100, 20, 11_445_348),
    ],
)
def test_presets_have_the_papers_totals(
    preset: str, classes: int, experts: int, total: int
) -> None:
    backbone, shape = PRESETS[preset], SHAPES[preset]
    expert = parameters(backbone.expert, shape, classes)
    assert experts * expert + parameters(backbone.gate, shape, experts) == total


@pytest.mark.parametrize(
    ("preset", "features"),
    [
        ("cifar10", (192, 4096)),
        ("cifar10_conv2", (32_768, 32_768)),
        ("cifar100_conv6", (256, 2048)),
    ],
)
def test_convolutions_end_with_the_papers_features(preset: str, features: tuple[int, int]) -> None:
    def before_linear(layers: Sequence[Layer]) -> int:
        first = next(i for i, layer in enumerate(layers) if isinstance(layer, Linear))
        return width(layers[:first], SHAPES[preset], preset)

    backbone = PRESETS[preset]
    assert (before_linear(backbone.expert), before_linear(backbone.gate)) == features


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_serves_both_gates_on_its_data(preset: str) -> None:
    model = Model(backbone=preset, gate="attentive")
    assert resolve_backbone(model, None, SHAPES[preset], 10) == PRESETS[preset]


@pytest.mark.parametrize("preset", PRESETS)
def test_relu_stands_between_layers_and_a_body_ends_before_it(preset: str) -> None:
    for body in (PRESETS[preset].expert, PRESETS[preset].gate):
        named = [name_of(layer) for layer in body]
        weighty = [name for name in named if name not in WEIGHTLESS]
        for one, other in pairwise(weighty):
            assert (one in BENDS) != (other in BENDS)
    ends_with_relu = PRESETS[preset].gate[-1] == "relu"
    assert ends_with_relu == (preset == "fashion_mnist")


@pytest.mark.parametrize(
    ("data_name", "shape", "preset"),
    [
        ("mnist", (1, 28, 28), "mnist"),
        ("cifar100", (3, 32, 32), "cifar100"),
        ("arrays", (30,), "mlp"),
        ("breast_cancer", (30,), "mlp"),
        ("arrays", (1, 12, 12), "conv"),
        ("image_folder", (3, 32, 32), "conv"),
    ],
)
def test_auto_takes_the_preset_of_the_data(data_name: str, shape: Shape, preset: str) -> None:
    path = Path("x") if DATA_SETS[data_name].path else None
    source = Data(name=data_name, path=path)
    assert resolve_backbone(Model(), source.preset, shape, 10) == PRESETS[preset]


def test_what_a_data_set_declares_as_its_preset_is_one() -> None:
    assert {kind.preset for kind in DATA_SETS.values()} - {None} <= PRESETS.keys()


@pytest.mark.parametrize(
    ("layers", "shape", "layer"),
    [
        ([Linear(linear=4), Conv(conv=2)], (1, 8, 8), r"layer 2 \(conv\) .* shape 4;"),
        ([MaxPool(max_pool=2)], (5,), r"layer 1 \(max_pool\) .* shape 5;"),
        ([Conv(conv=2, kernel=9)], (1, 8, 8), r"layer 1 \(conv\) .* shape 1x8x8;"),
        ([Conv(conv=2), "relu", MaxPool(max_pool=7)], (1, 8, 8), r"layer 3 .* shape 2x6x6;"),
        (["relu", "global_avg_pool"], (5,), r"layer 2 \(global_avg_pool\) .* shape 5;"),
        (
            [Residual(residual=(Conv(conv=2), "relu", Conv(conv=2, kernel=7)))],
            (2, 8, 8),
            r"layer 1 \(residual\): layer 3 \(conv\) .* shape 2x6x6;",
        ),
        (
            ["relu", Residual(residual=(Conv(conv=2),))],
            (2, 8, 8),
            r"layer 2 \(residual\) .* shape 2x8x8; its layers make 2x6x6 and 2x8x8 of it, which",
        ),
    ],
)
def test_layers_that_do_not_fit_are_named(
    layers: Sequence[Layer], shape: Shape, layer: str
) -> None:
    with pytest.raises(UserError, match=f"here: {layer}"):
        width(layers, shape, "here")


def test_what_there_was_before_strides_is_written_as_it_was() -> None:
    assert Conv(conv=2).model_dump_json() == '{"conv":2,"kernel":3,"padding":0,"bias":true}'
    assert Conv(conv=2, stride=2).model_dump()["stride"] == 2
    for preset in ("cifar100", "residual"):
        written = PRESETS[preset].model_dump_json()
        assert Backbone.model_validate_json(written) == PRESETS[preset]
        assert ("stride" in written) == (preset == "residual")


def test_an_attentive_gate_needs_equal_widths() -> None:
    uneven = Backbone(expert=(Linear(linear=4),), gate=(Linear(linear=5),))
    with pytest.raises(UserError, match="expert ends with width 4 and gate with 5"):
        resolve_backbone(Model(backbone=uneven, gate="attentive"), None, (3,), 10)
    assert resolve_backbone(Model(backbone=uneven), None, (3,), 10) == uneven
    single = Model(backbone=uneven, gate="attentive", kind="single")
    assert resolve_backbone(single, None, (3,), 10) == uneven


def test_a_preset_of_other_data_is_refused() -> None:
    with pytest.raises(UserError, match=r"model.backbone cifar10: expert: layer 1 .* shape 12;"):
        resolve_backbone(Model(backbone="cifar10"), None, (12,), 10)


def test_pools_stand_after_the_papers_convolutions() -> None:
    def pooled(layers: Sequence[Layer]) -> list[int]:
        convs_before = accumulate(isinstance(layer, Conv) for layer in layers)
        return [
            n for n, layer in zip(convs_before, layers, strict=True) if isinstance(layer, MaxPool)
        ]

    for name, after in {"cifar10": [1, 2, 4], "cifar100": [1, 2, 3, 4], "mnist": [1]}.items():
        assert pooled(PRESETS[name].expert) == pooled(PRESETS[name].gate) == after
