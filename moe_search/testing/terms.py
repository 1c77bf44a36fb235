"""The contract of a regularizer term of one's own.

In the tests of the package that declares it::

    from moe_search.testing import TermContract

    class TestMine(TermContract):
        name = "mine"

        def reference(self, p_BM: Tensor, x_BF: Tensor, label_B: Tensor) -> Tensor:
            return (p_BM * (1 - p_BM)).sum(1).mean()

Shape suffixes: B sample, M expert, F feature; P model.
"""

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Generator, Tensor

from moe_search.engine.hardware import Hardware
from moe_search.engine.population import Population
from moe_search.engine.stages import Stage
from moe_search.engine.trial import TrialSpec
from moe_search.moe.architecture import Architecture, State
from moe_search.moe.expert_axis import ExpertAxis
from moe_search.moe.terms.base import Batch, Term
from moe_search.spec import PRESETS, Configuration, Regularizer
from moe_search.spec.kinds.terms import TERMS

_FEATURES, _CLASSES, _BATCH = 6, 4, 9
_EXPERTS = (5, 2, 3, 1)


class TermContract:
    """Tests that pytest runs for a subclass whose name starts with Test.

    Attributes:
        name: under which the term is declared.
        options: other keys of the regularizer section that it is tried with.
    """

    name: ClassVar[str]
    options: ClassVar[dict[str, Any]] = {}

    def reference(self, p_BM: Tensor, x_BF: Tensor, label_B: Tensor) -> Tensor:
        """The value of one model by the plain formula, a number; not times its weight.

        Args:
            p_BM: p(e|x) of each sample.
            x_BF: the samples.
            label_B: their classes.
        """
        raise NotImplementedError

    def test_it_is_declared(self) -> None:
        assert self.name in TERMS, f"no installed package declares it in {TERMS.group}"
        assert TERMS[self.name].meaning, "it does not say what it is"
        assert self.name in Regularizer.model_fields, "it has no weight of its own"

    def test_values_and_gradients_are_those_of_the_reference(self) -> None:
        logits_PMB, batch = _drawn(torch.float64)
        found_P = self._values(logits_PMB, batch, _EXPERTS)
        for model, experts in enumerate(_EXPERTS):
            logits_BM = logits_PMB.detach()[model, :experts].t().requires_grad_()
            expected = self.reference(logits_BM.softmax(1), batch.x.t(), batch.label_B)
            torch.testing.assert_close(found_P[model], expected, msg=f"the value of {model}")
            ours_PMB, theirs_BM = (
                _gradient(found_P[model], logits_PMB),
                _gradient(expected, logits_BM),
            )
            torch.testing.assert_close(ours_PMB[model, :experts].t(), theirs_BM)
            assert not ours_PMB[model, experts:].any(), "there is no such expert"
            others = [other for other in range(len(_EXPERTS)) if other != model]
            assert not ours_PMB[others].any(), "it depends on another model"

    def test_a_value_is_the_same_alone_and_in_company(self) -> None:
        logits_PMB, batch = _drawn(torch.float32)
        together_P = self._values(logits_PMB, batch, _EXPERTS)
        for model, experts in enumerate(_EXPERTS):
            alone_1 = self._values(logits_PMB[model : model + 1, :experts], batch, (experts,))
            assert torch.equal(alone_1[0], together_P[model]), f"model {model}"

    def test_models_learn_the_same_alone_and_beside_others_with_and_without_it(self) -> None:
        weights = (0.5, 0.0, 2.0, 0.0)
        together = self._trained(weights, _EXPERTS)
        for model, (weight, experts) in enumerate(zip(weights, _EXPERTS, strict=True)):
            (alone,) = self._trained((weight,), (experts,))
            for name, array in alone.items():
                assert np.array_equal(array, together[model][name]), (model, name)

    def _values(self, logits_PMB: Tensor, batch: Batch, experts: tuple[int, ...]) -> Tensor:
        regularizers = [Regularizer(**self.options)] * len(experts)
        term = TERMS[self.name].load_class(Term)(logits_PMB.new_ones(len(experts)), regularizers)
        return term.loss(logits_PMB.softmax(1), ExpertAxis(experts), batch)

    def _trained(self, weights: tuple[float, ...], experts: tuple[int, ...]) -> list[State]:
        """Weights after three steps together."""
        specs: list[TrialSpec] = []
        for weight, count in zip(weights, experts, strict=True):
            sections = {
                "model": {"experts": count, "backbone": "mlp"},
                "regularizer": {self.name: weight, **self.options},
                "training": {"batch_size": _BATCH, "lr": 1e-2},
            }
            specs.append(TrialSpec(len(specs), Configuration.model_validate(sections), seed=0))
        shared = Architecture.of(specs[0].configuration, PRESETS["mlp"], (_FEATURES,), _CLASSES)
        hardware = Hardware(torch.device("cpu"))
        population = Population(specs, shared, Stage(1), hardware, _network)
        for seed in range(3):
            _, batch = _drawn(torch.float32, seed)
            population.step(batch.x, batch.label_B)
        return [population.state_of(place) for place in range(len(specs))]


def _network(x: Tensor) -> Tensor:
    """What a frozen network might say of a batch, [F, B]."""
    return x.sin()


def _drawn(dtype: torch.dtype, seed: int = 0) -> tuple[Tensor, Batch]:
    """Gate logits [P, M, B] of ragged models, and what they are of."""
    random = Generator().manual_seed(seed)
    shape = len(_EXPERTS), max(_EXPERTS), _BATCH
    logits_PMB = torch.randn(*shape, generator=random, dtype=dtype)
    for model, experts in enumerate(_EXPERTS):
        logits_PMB[model, experts:] = -torch.inf
    x_FB = torch.randn(_FEATURES, _BATCH, generator=random, dtype=dtype)
    label_B = torch.arange(_BATCH) % _CLASSES
    return logits_PMB.requires_grad_(), Batch(x_FB, label_B, _network)


def _gradient(value: Tensor, of: Tensor) -> Tensor:
    """0 where the value does not depend on it."""
    if not value.requires_grad:
        return torch.zeros_like(of)
    (gradient,) = torch.autograd.grad(
        value, of, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return gradient
