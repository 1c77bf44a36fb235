"""The contract of a gate of one's own.

In the tests of the package that declares it::

    from moe_search.testing import GateContract, OneModel

    class TestMine(GateContract):
        name = "mine"

        def reference(self, model: OneModel) -> Tensor:
            return model.representation_BD @ model.weights["head.weight"].T

Shape suffixes: B sample, M expert, D width of the hidden representation, C class, F feature;
P model, N expert of any model.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from moe_search.engine.hardware import Hardware
from moe_search.engine.population import Population
from moe_search.engine.resident import samples_last
from moe_search.engine.stages import Stage
from moe_search.engine.trial import TrialSpec
from moe_search.moe.architecture import Architecture, State
from moe_search.moe.build import build
from moe_search.moe.gates.base import ExpertOutputs, Gate, NetworkGate
from moe_search.moe.mixtures import Mixtures
from moe_search.spec import PRESETS, Configuration
from moe_search.spec.kinds.gates import GATES

_SHAPE, _CLASSES, _BATCH = (6,), 4, 9
_EXPERTS, _TEMPERATURES = (3, 1, 7), (1.0, 0.4, 2.5)


class OneModel(NamedTuple):
    """What a reference is given of one model, which knows of no others.

    Attributes:
        weights: of the gate by name, but for those of its network; without the axis of models.
        x_BF: the samples.
        representation_BD: what the gate's network makes of them; empty for a gate without any.
        hidden_BMD: what the experts make of them.
        outputs_BMC: the experts' class probabilities.
    """

    weights: dict[str, Tensor]
    x_BF: Tensor
    representation_BD: Tensor
    hidden_BMD: Tensor
    outputs_BMC: Tensor


class GateContract:
    """Tests that pytest runs for a subclass whose name starts with Test.

    Attributes:
        name: under which the gate is declared.
        model: other hyperparameters of the model that it is tried with.
    """

    name: ClassVar[str]
    model: ClassVar[dict[str, Any]] = {}

    def reference(self, model: OneModel) -> Tensor:
        """Logits [B, M] of one model by the plain formula, before the gate temperature."""
        raise NotImplementedError

    def test_it_is_declared(self) -> None:
        assert self.name in GATES, f"no installed package declares it in {GATES.group}"
        kind = GATES[self.name]
        assert kind.meaning, "it does not say what it is"
        made = kind.load_class(Gate)
        assert kind.has_network == issubclass(made, NetworkGate), "its row says has_network"

    def test_logits_and_gradients_are_those_of_the_reference(self) -> None:
        mixtures, x = self._drawn().double(), _samples().double()
        gate = mixtures.gate
        assert gate is not None
        experts = _leaves(mixtures.experts(samples_last(x)))
        logits_PMB = gate(samples_last(x), experts)
        for model, count in enumerate(_EXPERTS):
            plain = _one_model(mixtures, gate, model, x, experts)
            expected_BM, found_BM = self.reference(plain), logits_PMB[model, :count].t()
            torch.testing.assert_close(found_BM, expected_BM, msg="the logits differ")
            assert (logits_PMB[model, count:] == -torch.inf).all(), "there is no such expert"
            learned = {name: _own(gate)[name] for name in plain.weights if name in _learns(gate)}
            shared = [*experts, *_network(gate)]
            ours = _gradients(found_BM, [*shared, *learned.values()])
            theirs = _gradients(expected_BM, [*shared, *(plain.weights[name] for name in learned)])
            names = [*(None for _ in shared), *learned]
            for name, found, expected in zip(names, ours, theirs, strict=True):
                rows = mixtures.rows(f"gate.{name}", model) if name else slice(None)
                said = f"the gradient of {name or 'what the gate is given'} differs"
                torch.testing.assert_close(found[rows].view_as(expected), expected, msg=said)

    def test_it_looks_at_experts_only_if_its_row_says_so(self) -> None:
        mixtures, x = self._drawn(), samples_last(_samples())
        if not GATES[self.name].evaluates_experts:
            assert torch.equal(mixtures.gate_logits(x), mixtures(x)[0])

    def test_a_model_says_the_same_alone_and_in_company(self) -> None:
        together, x = self._drawn(), samples_last(_samples())
        logits_PMB, _ = together(x)
        for model, experts in enumerate(_EXPERTS):
            alone = build(self._architecture(), [experts], [_TEMPERATURES[model]])
            alone.load_states([together.state_of(model)])
            assert torch.equal(alone(x)[0][0], logits_PMB[model, :experts]), f"model {model}"

    def test_a_model_learns_the_same_alone_and_in_company(self) -> None:
        together = self._trained(range(len(_EXPERTS)))
        for model in range(len(_EXPERTS)):
            _assert_same(self._trained([model])[0], together[model])

    def test_a_state_can_be_taken_out_and_put_back(self) -> None:
        mixtures = self._drawn()
        states = [mixtures.state_of(model) for model in range(len(_EXPERTS))]
        copy = build(self._architecture(), _EXPERTS[::-1], _TEMPERATURES[::-1])
        copy.load_states(states[::-1])
        for model, state in enumerate(states[::-1]):
            _assert_same(copy.state_of(model), state)

    def _architecture(self) -> Architecture:
        backbone = PRESETS["mlp"]
        return Architecture.of(self._configuration(2), backbone, _SHAPE, _CLASSES)

    def _configuration(self, experts: int) -> Configuration:
        chosen = {"gate": self.name, "experts": experts, "backbone": "mlp", **self.model}
        training = {"batch_size": _BATCH, "lr": 1e-2}
        return Configuration.model_validate({"model": chosen, "training": training})

    def _drawn(self) -> Mixtures:
        """Ragged models with the weights of seeds of their own."""
        mixtures = build(self._architecture(), _EXPERTS, _TEMPERATURES)
        for model, experts in enumerate(_EXPERTS):
            mixtures.initialise(model, Generator().manual_seed(model))
            mixtures.configure(model, self._configuration(experts).model)
        return mixtures

    def _trained(self, models: Sequence[int]) -> list[State]:
        """Weights of some of the models after three steps together."""
        specs = [TrialSpec(model, self._configuration(_EXPERTS[model]), seed=0) for model in models]
        hardware = Hardware(torch.device("cpu"))
        population = Population(specs, self._architecture(), Stage(1), hardware)
        label_B = torch.arange(_BATCH) % _CLASSES
        for seed in range(3):
            population.step(samples_last(_samples(seed)), label_B)
        return [population.state_of(place) for place in range(len(specs))]


def _samples(seed: int = 9) -> Tensor:
    """Samples [B, F] of float32."""
    return torch.randn(_BATCH, *_SHAPE, generator=Generator().manual_seed(seed))


def _leaves(experts: ExpertOutputs) -> ExpertOutputs:
    """The same as if nothing had made them."""
    return ExpertOutputs(*(tensor.detach().requires_grad_() for tensor in experts))


def _one_model(
    mixtures: Mixtures, gate: Gate, model: int, x: Tensor, experts: ExpertOutputs
) -> OneModel:
    """What a reference is given of one model; its weights are leaves, the rest leads to leaves."""
    weights = {}
    for name, tensor in _own(gate).items():
        rows = tensor[mixtures.rows(f"gate.{name}", model)]
        of_model = rows if name.startswith(gate.per_expert) else rows[0]
        weights[name] = of_model.detach().clone().requires_grad_(name in _learns(gate))
    representation_DB = x.new_zeros(0, len(x))
    if isinstance(gate, NetworkGate):
        representation_DB = gate.body(samples_last(x))[model]
    return OneModel(
        weights,
        x,
        representation_DB.t(),
        experts.hidden_NDB[mixtures.axis.rows(model)].permute(2, 0, 1),
        experts.outputs_PMCB[model, : _EXPERTS[model]].permute(2, 0, 1),
    )


def _own(gate: Gate) -> dict[str, Tensor]:
    """Parameters and buffers of gates by name, but for those of their network."""
    state = dict(gate.named_parameters()) | dict(gate.named_buffers())
    return {
        name: tensor
        for name, tensor in state.items()
        if name in gate.state_dict() and not name.startswith("body.")
    }


def _learns(gate: Gate) -> set[str]:
    """The names of the parameters."""
    return {name for name, _ in gate.named_parameters()}


def _network(gate: Gate) -> list[Tensor]:
    """The weights of the gates' network."""
    return list(gate.body.parameters()) if isinstance(gate, NetworkGate) else []


def _gradients(logits_BM: Tensor, of: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Of a score of logits, for each tensor; 0 where it is no part of it."""
    weight_BM = torch.linspace(-1, 2, logits_BM.numel(), dtype=logits_BM.dtype).view_as(logits_BM)
    score = (logits_BM * weight_BM).sum()
    if not score.requires_grad:
        return tuple(map(torch.zeros_like, of))
    return torch.autograd.grad(
        score, of, retain_graph=True, allow_unused=True, materialize_grads=True
    )


def _assert_same(found: State, expected: State) -> None:
    """In every bit."""
    assert found.keys() == expected.keys()
    for name, array in found.items():
        assert np.array_equal(array, expected[name]), name
