"""Populations of mixtures against plain models, gate by gate; initial weights.

Shape suffixes: P model, M expert, C class, B sample.
"""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from support.kinds import STACKED, listed, stacked
from support.reference_model import GATES as PLAIN_GATES
from support.reference_model import PlainMixture, layer_list
from torch import Generator, Tensor, nn

from moe_search.errors import MemberError
from moe_search.moe.architecture import Architecture, OutputRule, State
from moe_search.moe.build import build
from moe_search.moe.gates.base import Gate
from moe_search.moe.layers.base import Weighted
from moe_search.moe.mixtures import Mixtures
from moe_search.moe.outputs.base import load_rule
from moe_search.spec import PRESETS, Model
from moe_search.spec.kinds.gates import GATES, GateKind

EXPERTS, TEMPERATURES = (3, 1, 7), (1.0, 0.4, 2.5)
CLASSES, BATCH, SHAPE = 4, 6, (1, 8, 8)

PERTURBATIONS = (0.25, 0.0, 1.5)
each_gate = pytest.mark.parametrize("gate", STACKED)
each_plain_gate = pytest.mark.parametrize("gate", listed(STACKED, PLAIN_GATES))
each_kind = pytest.mark.parametrize("gate", [*STACKED, None])


def architecture(gate: str | None, preset: str = "digits") -> Architecture:
    return Architecture(PRESETS[preset], SHAPE, CLASSES, gate, OutputRule("mixture"))


def drawn(
    gate: str | None,
    experts: Sequence[int] = EXPERTS,
    temperatures: Sequence[float] = TEMPERATURES,
) -> Mixtures:
    """Mixtures whose model m has the weights of seed m."""
    mixtures = Mixtures(architecture(gate), experts, temperatures)
    for model in range(len(experts)):
        mixtures.initialise(model, Generator().manual_seed(model))
        if gate == "perturbed_cosine":
            mixtures.configure(model, Model(gate=gate, perturbation=PERTURBATIONS[model]))
    return mixtures


def plain_of(mixtures: Mixtures, state: State, model: int) -> PlainMixture:
    backbone, kind = mixtures.architecture.backbone, mixtures.architecture.gate
    plain = PlainMixture(
        layer_list(backbone.expert),
        layer_list(backbone.gate),
        SHAPE,
        CLASSES,
        mixtures.axis.experts[model],
        kind or "single",
        TEMPERATURES[model],
    ).double()
    plain.load(state)
    return plain


def batch() -> Tensor:
    return torch.randn(BATCH, *SHAPE, generator=Generator().manual_seed(9)).double()


def samples_last(x: Tensor) -> Tensor:
    return x.movedim(0, -1).contiguous()


@each_plain_gate
def test_logits_and_outputs_of_ragged_models_and_their_gradients(gate: str) -> None:
    mixtures, x = drawn(gate).double(), batch()
    logits_PMB, outputs_PMCB = mixtures(samples_last(x))
    random = Generator().manual_seed(1)
    weight_PMB = torch.randn(logits_PMB.shape, generator=random).double()
    weight_PMCB = torch.randn(outputs_PMCB.shape, generator=random).double()
    present_PM = mixtures.axis.present_PM
    score = (logits_PMB.softmax(1) * weight_PMB).sum()
    score = score + (outputs_PMCB * weight_PMCB)[present_PM].sum()
    torch.autograd.backward(score)
    for model, experts in enumerate(EXPERTS):
        plain = plain_of(mixtures, mixtures.state_of(model), model)
        logits_BM, outputs_BMC = plain.logits(x), plain.outputs(x)
        torch.testing.assert_close(logits_PMB[model, :experts].t(), logits_BM)
        assert (logits_PMB[model, experts:] == -torch.inf).all()
        torch.testing.assert_close(outputs_PMCB[model, :experts].permute(2, 0, 1), outputs_BMC)
        plain_score = (logits_BM.softmax(1) * weight_PMB[model, :experts].t()).sum()
        plain_score = (
            plain_score + (outputs_BMC * weight_PMCB[model, :experts].permute(2, 0, 1)).sum()
        )
        torch.autograd.backward(plain_score)
        gradients = plain_of(mixtures, gradients_of(mixtures, model), model)
        for theirs, ours in zip(plain.parameters(), gradients.parameters(), strict=True):
            assert theirs.grad is not None
            torch.testing.assert_close(ours, theirs.grad)


def gradients_of(mixtures: Mixtures, model: int) -> State:
    """One model's gradients under the names of its weights."""
    found = {}
    for name, parameter in mixtures.named_parameters():
        assert parameter.grad is not None, name
        found[name] = parameter.grad[mixtures.rows(name, model)].numpy()
    return found


def test_networks_without_a_gate() -> None:
    mixtures, x = drawn(None, (1, 1, 1)).double(), batch()
    logits_PMB, outputs_PMCB = mixtures(samples_last(x))
    assert not logits_PMB.any()
    for model in range(3):
        plain = plain_of(mixtures, mixtures.state_of(model), model)
        torch.testing.assert_close(outputs_PMCB[model].permute(2, 0, 1), plain.outputs(x))


@each_gate
def test_temperature_divides_the_logits(gate: str) -> None:
    sharp, soft = (drawn(gate, (4,), (t,))(samples_last(batch().float()))[0] for t in (0.5, 2.0))
    torch.testing.assert_close(sharp, 4 * soft)


@each_gate
def test_a_model_says_the_same_alone(gate: str) -> None:
    together, x = drawn(gate), samples_last(batch().float())
    logits_PMB, outputs_PMCB = together(x)
    for model, experts in enumerate(EXPERTS):
        alone = Mixtures(architecture(gate), [experts], [TEMPERATURES[model]])
        alone.load_states([together.state_of(model)])
        logits_1MB, outputs_1MCB = alone(x)
        assert torch.equal(logits_1MB[0], logits_PMB[model, :experts])
        assert torch.equal(outputs_1MCB[0], outputs_PMCB[model, :experts])


@each_gate
def test_what_is_not_finite_stays_in_its_model(gate: str) -> None:
    for broken in range(len(EXPERTS)):
        mixtures = drawn(gate)
        with torch.no_grad():
            for name, parameter in mixtures.named_parameters():
                parameter[mixtures.rows(name, broken)] = torch.nan
        logits_PMB, outputs_PMCB = mixtures(samples_last(batch().float()))
        rule, label_B = load_rule(OutputRule("mixture")), torch.zeros(BATCH, dtype=torch.int64)
        loss_P = rule.losses(logits_PMB, outputs_PMCB, label_B).sum(1)
        torch.autograd.backward(loss_P.sum())
        for model in range(len(EXPERTS)):
            sound = model != broken
            assert bool(loss_P[model].isfinite()) == sound
            gradients = gradients_of(mixtures, model).values()
            assert all(np.isfinite(array).all() for array in gradients) == sound


@each_kind
def test_one_expert_alone_gives_what_it_gives_in_the_mixture(gate: str | None) -> None:
    experts = EXPERTS if gate else (1, 1, 1)
    mixtures, x = drawn(gate, experts), samples_last(batch().float())
    outputs_PMCB = mixtures(x)[1]
    for model, count in enumerate(experts):
        for expert in range(count):
            row = mixtures.axis.rows(model).start + expert
            torch.testing.assert_close(mixtures.expert(row, x), outputs_PMCB[model, expert])


@each_kind
def test_weights_follow_from_the_seed_alone(gate: str | None) -> None:
    experts = EXPERTS if gate else (1, 1, 1)
    together = drawn(gate, experts)
    for model, count in enumerate(experts):
        alone = Mixtures(architecture(gate), [count], [1.0])
        alone.initialise(0, Generator().manual_seed(model))
        for name, array in alone.state_of(0).items():
            if name == "gate.perturbation":
                continue
            assert np.array_equal(array, together.state_of(model)[name]), name
    other = Mixtures(architecture(gate), [experts[0]], [1.0])
    other.initialise(0, Generator().manual_seed(99))
    assert not np.array_equal(
        other.state_of(0)["heads.weight"], together.state_of(0)["heads.weight"]
    )


@pytest.mark.parametrize("gate", stacked(lambda gate: gate.may_start_at_zero))
def test_a_zero_gate_leaves_experts_neighbours_and_attention_as_they_were(gate: str) -> None:
    mixtures, before = drawn(gate), drawn(gate)
    mixtures.configure(1, Model(gate=gate, gate_weights="zero"))
    for model in (0, 1, 2):
        for name, array in mixtures.state_of(model).items():
            zeroed = model == 1 and name.startswith(("gate.body.", "gate.head."))
            expected = np.zeros_like(array) if zeroed else before.state_of(model)[name]
            assert np.array_equal(array, expected), name
    logits_PMB = mixtures(samples_last(batch().float()))[0]
    assert not logits_PMB[1, : EXPERTS[1]].any()


@each_gate
@pytest.mark.parametrize("preset", ["digits", "mnist"])
def test_weights_are_drawn_as_torch_draws_them(gate: str, preset: str) -> None:
    mixtures = Mixtures(architecture(gate, preset), [60], [1.0])
    mixtures.initialise(0, Generator().manual_seed(0))
    checked = 0
    for name, module in mixtures.named_modules():
        if not isinstance(module, Weighted):
            continue
        bound = torch_bound(module)
        for parameter in module.parameters():
            values = parameter.detach().flatten()
            assert float(values.abs().max()) <= bound, name
            assert kstest(values.numpy(), "uniform", (-bound, 2 * bound)).pvalue > 1e-4, name
            checked += 1
    assert checked >= 6


def torch_bound(module: Weighted) -> float:
    """Largest weight that torch's own layer of this size draws, to a hundredth."""
    shape = module.weight.shape[1:]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        dense = len(shape) < 3
        layer = nn.Linear(shape[-1], 2000) if dense else nn.Conv2d(1, 2000, shape[-1])
    return float(layer.weight.detach().abs().max()) * 1.01


@each_kind
def test_weights_can_be_taken_out_and_put_back(gate: str | None) -> None:
    experts = EXPERTS if gate else (1, 1, 1)
    mixtures = drawn(gate, experts)
    states = [mixtures.state_of(model) for model in range(3)]
    copy = Mixtures(architecture(gate), experts[::-1], TEMPERATURES[::-1])
    copy.load_states(states[::-1])
    for model in range(3):
        for name, array in copy.state_of(2 - model).items():
            assert np.array_equal(array, states[model][name]), name


@pytest.mark.parametrize("name", GATES)
def test_every_gate_is_made(name: str) -> None:
    assert issubclass(GATES[name].load_class(Gate, Mixtures), nn.Module)
    mixtures = build(architecture(name), EXPERTS, TEMPERATURES)
    assert mixtures.gate is not None or type(mixtures) is not Mixtures


@pytest.mark.parametrize(
    ("made_by", "why"),
    [
        ("moe_search.moe.gates.nowhere:NowhereGate", "cannot be loaded: No module named"),
        ("moe_search.moe.gates.original:NowhereGate", "cannot be loaded: module .* no attribute"),
        ("moe_search.moe.gates.original", "is no Gate nor Mixtures"),
        ("moe_search.moe.layers.dense:Dense", "is no Gate nor Mixtures"),
    ],
)
def test_a_gate_that_nothing_makes_is_no_model_without_a_gate(
    made_by: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = GateKind(meaning="a gate without a class", made_by=made_by)
    monkeypatch.setitem(GATES._own, "nowhere", kind)
    with pytest.raises(MemberError, match=f"^{made_by} {why}"):
        build(architecture("nowhere"), EXPERTS, TEMPERATURES)
    with pytest.raises(MemberError):
        Mixtures(architecture("nowhere"), EXPERTS, TEMPERATURES)
