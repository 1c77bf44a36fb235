"""The contract of gates, kept by moe-search's own, and what it finds.

Shape suffixes: B sample, M expert, D width of the hidden representation.
"""

import math
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from moe_search.moe.gates.original import OriginalGate
from moe_search.spec.kinds.gates import GATES, GateKind
from moe_search.testing import GateContract, OneModel

pytestmark = pytest.mark.usefixtures("one_thread")


class TestOriginal(GateContract):
    name = "original"

    def reference(self, model: OneModel) -> Tensor:
        weight_MD, bias_M = model.weights["head.weight"][:, 0], model.weights["head.bias"][:, 0]
        scores_BM: Tensor = model.representation_BD.relu() @ weight_MD.t() + bias_M
        return scores_BM


class TestNoisy(TestOriginal):
    """Without noise; tests/engine/test_population.py has it."""

    name = "noisy"


class TestSigmoid(TestOriginal):
    name = "sigmoid"

    def reference(self, model: OneModel) -> Tensor:
        return super().reference(model).sigmoid().log()


class TestAttentive(GateContract):
    name = "attentive"

    def reference(self, model: OneModel) -> Tensor:
        query_BD = model.representation_BD @ model.weights["query.weight"].t()
        key_BMD = model.hidden_BMD @ model.weights["key.weight"].t()
        score_BM: Tensor = (key_BMD * query_BD.unsqueeze(1)).sum(2)
        return score_BM / math.sqrt(query_BD.shape[1])


class TestAttentiveRelu(TestAttentive):
    name = "attentive_relu"

    def reference(self, model: OneModel) -> Tensor:
        return super().reference(model._replace(hidden_BMD=model.hidden_BMD.relu()))


class TestCosine(GateContract):
    name = "cosine"

    def reference(self, model: OneModel) -> Tensor:
        given = model.representation_BD.unsqueeze(1), model.weights["head.weight"].unsqueeze(0)
        return torch.cosine_similarity(*given, dim=2)


class TestPerturbedCosine(GateContract):
    name = "perturbed_cosine"
    model: ClassVar[dict[str, Any]] = {"perturbation": 0.3}

    def reference(self, model: OneModel) -> Tensor:
        h_BD, w_MD = model.representation_BD, model.weights["head.weight"]
        norms_BM = (h_BD.norm(dim=1) + 0.3).unsqueeze(1) * (w_MD.norm(dim=1) + 0.3)
        cosine_BM: Tensor = h_BD @ w_MD.t() / norms_BM
        return cosine_BM


class TestLoudest(GateContract):
    name = "loudest"

    def reference(self, model: OneModel) -> Tensor:
        outputs_BMC = model.outputs_BMC.detach()
        return (outputs_BMC * outputs_BMC.log2()).sum(2)


class Greedy(OriginalGate):
    """Depends on its company, and mixes up two gradients."""

    def forward(self, x: Tensor, experts: Any = None) -> Tensor:
        logits_PMB = super().forward(x, experts)
        return logits_PMB / len(logits_PMB)


def test_the_contract_finds_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    class Company(TestOriginal):
        name = "greedy"

    class Another(TestOriginal):
        name = "cosine"

    class Missing(TestOriginal):
        name = "nowhere"

    monkeypatch.setattr(GateKind, "load", lambda kind: Greedy)
    monkeypatch.setitem(GATES._own, "greedy", GateKind(meaning="greedy", made_by="tests:Greedy"))
    for test in (
        Company().test_logits_and_gradients_are_those_of_the_reference,
        Company().test_a_model_says_the_same_alone_and_in_company,
        Company().test_a_model_learns_the_same_alone_and_in_company,
        Missing().test_it_is_declared,
    ):
        with pytest.raises(AssertionError):
            test()
    monkeypatch.undo()
    with pytest.raises((AssertionError, KeyError)):
        Another().test_logits_and_gradients_are_those_of_the_reference()
