"""The contract of terms, kept by moe-search's own, and what it finds.

Shape suffixes: B sample, M expert, F feature.
"""

from typing import Any, ClassVar

import pytest
from support.reference_model import importance_loss, similarity_loss
from torch import Tensor

from moe_search.moe.terms.importance import Importance
from moe_search.moe.terms.similarity import Similarity
from moe_search.spec.kinds.terms import TERMS, TermKind
from moe_search.testing import TermContract

pytestmark = pytest.mark.usefixtures("one_thread")


class TestImportance(TermContract):
    name = "importance"

    def reference(self, p_BM: Tensor, x_BF: Tensor, label_B: Tensor) -> Tensor:
        return importance_loss(p_BM)


class TestSimilarity(TermContract):
    name = "similarity"

    def reference(self, p_BM: Tensor, x_BF: Tensor, label_B: Tensor) -> Tensor:
        return similarity_loss(p_BM, x_BF, 1 / len(x_BF) ** 2, 0.0)


class TestSimilarityOfSquares(TermContract):
    name = "similarity"
    options: ClassVar[dict[str, Any]] = {
        "distance": "squared",
        "scale": "authors",
        "features": "network",
    }

    def reference(self, p_BM: Tensor, x_BF: Tensor, label_B: Tensor) -> Tensor:
        return similarity_loss(p_BM, x_BF.sin(), 1.0, 0.0, squared=True)


class TestInformation(TermContract):
    name = "information"

    def reference(self, p_BM: Tensor, x_BF: Tensor, label_B: Tensor) -> Tensor:
        nats_B = -(p_BM * p_BM.log()).sum(1)
        mean_M = p_BM.mean(0)
        return nats_B.mean() + (mean_M * mean_M.log()).sum()


class TestDecided(TermContract):
    name = "decided"

    def reference(self, p_BM: Tensor, x_BF: Tensor, label_B: Tensor) -> Tensor:
        return -p_BM.var(0, unbiased=False).sum()


class OfCompany(Importance):
    """Of the most even model."""

    def loss(self, *given: Any) -> Tensor:
        loss_P = super().loss(*given)
        return loss_P.min().expand_as(loss_P)


@pytest.mark.parametrize("wrong", [OfCompany, Similarity])
def test_the_contract_finds_what_is_wrong(wrong: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TermKind, "load", lambda kind: wrong)
    with pytest.raises(AssertionError):
        TestImportance().test_values_and_gradients_are_those_of_the_reference()
    if wrong is OfCompany:
        test = TestImportance()
        for finds in (
            test.test_a_value_is_the_same_alone_and_in_company,
            test.test_models_learn_the_same_alone_and_beside_others_with_and_without_it,
        ):
            with pytest.raises(AssertionError):
                finds()


def test_a_term_that_is_not_declared_is_found() -> None:
    class Missing(TestImportance):
        name = "nowhere"

    assert "nowhere" not in TERMS
    with pytest.raises(
        AssertionError, match=r"no installed package declares it in moe_search.terms"
    ):
        Missing().test_it_is_declared()
