"""Metrics of a decomposition against plain loops over samples, known cases, and bounds.

Shape suffixes: I sample, C true class, K predicted class, M expert; R row and N column.
"""

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from moe_search.moe.decomposition import (
    Decomposition,
    Table,
    entropy,
    error_parts,
    information_share,
    mutual_information,
)
from moe_search.spec.kinds.metrics import METRICS


@dataclass(frozen=True)
class Samples:
    """What a model says of each sample: the gate, each expert's class, the model's class."""

    gate_IM: list[list[float]]
    label_I: list[int]
    predicted_IM: list[list[int]]
    model_I: list[int]

    @property
    def best_I(self) -> list[int]:
        return [row.index(max(row)) for row in self.gate_IM]

    @property
    def chosen_I(self) -> list[int]:
        return [row[e] for row, e in zip(self.predicted_IM, self.best_I, strict=True)]


def drawn(samples: int, classes: int, experts: int, seed: int) -> Samples:
    random = np.random.default_rng(seed)
    return Samples(
        random.dirichlet(np.full(experts, 0.3), samples).tolist(),
        random.integers(classes, size=samples).tolist(),
        random.integers(classes, size=(samples, experts)).tolist(),
        random.integers(classes, size=samples).tolist(),
    )


def tabulated(samples: Samples, classes: int, experts: int) -> Decomposition:
    soft_CM, hard_CM = np.zeros((classes, experts)), np.zeros((classes, experts))
    chosen_MK, model_CK = np.zeros((experts, classes)), np.zeros((classes, classes))
    confusion_MCK = np.zeros((experts, classes, classes))
    for i, label in enumerate(samples.label_I):
        hard_CM[label, samples.best_I[i]] += 1
        chosen_MK[samples.best_I[i], samples.chosen_I[i]] += 1
        model_CK[label, samples.model_I[i]] += 1
        for m in range(experts):
            soft_CM[label, m] += samples.gate_IM[i][m]
            confusion_MCK[m, label, samples.predicted_IM[i][m]] += 1
    sample_entropy = mean([plain_entropy(row) for row in samples.gate_IM])
    return Decomposition(
        soft_CM, hard_CM, chosen_MK, confusion_MCK, model_CK, sample_entropy, loss=0.5
    )


def mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)


def plain_entropy(distribution: Sequence[float]) -> float:
    return sum(-p * math.log2(p) for p in distribution if p > 0)


def plain_information(pairs: Sequence[tuple[Hashable, Hashable]]) -> float:
    """Mean over the pairs seen of log p(a, b) / p(a) p(b)."""
    both, first, second = Counter(pairs), Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    n = len(pairs)
    return mean([math.log2(both[a, b] * n / (first[a] * second[b])) for a, b in pairs])


def plain_share(pairs: Sequence[tuple[Hashable, Hashable]], states: int) -> float:
    """H(a) + H(b) - H(a, b) by the entropy of Miller and Madow, over the most it can be."""
    columns = [[a for a, _ in pairs], [b for _, b in pairs], pairs]
    entropies = []
    for column in columns:
        counts = Counter(column)
        nats = sum(-count / len(pairs) * math.log(count / len(pairs)) for count in counts.values())
        entropies.append(nats + (len(counts) - 1) / (2 * len(pairs)))
    nats = entropies[0] + entropies[1] - entropies[2]
    return min(max(nats / math.log(states), 0), 1) if states > 1 else 0


def mean_gate(rows: Sequence[Sequence[float]]) -> list[float]:
    return [mean(column) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize(
    ("samples", "classes", "experts"), [(200, 4, 3), (50, 7, 5), (9, 10, 16), (30, 3, 1), (1, 2, 2)]
)
def test_metrics_equal_plain_loops_over_samples(samples: int, classes: int, experts: int) -> None:
    drawing = drawn(samples, classes, experts, seed=samples)
    usage = mean_gate(drawing.gate_IM)
    by_class = [
        [row for row, label in zip(drawing.gate_IM, drawing.label_I, strict=True) if label == c]
        for c in set(drawing.label_I)
    ]
    by_true_class = [
        [k == c for label, k in zip(drawing.label_I, drawing.model_I, strict=True) if label == c]
        for c in set(drawing.label_I)
    ]
    correct = [label == k for label, k in zip(drawing.label_I, drawing.model_I, strict=True)]
    plain = {
        "accuracy": mean(correct),
        "error": 1 - mean(correct),
        "balanced_accuracy": mean([mean(right) for right in by_true_class]),
        "loss": 0.5,
        "sample_entropy": mean([plain_entropy(row) for row in drawing.gate_IM]),
        "usage_entropy": plain_entropy(usage),
        "mutual_information": plain_information(
            list(zip(drawing.best_I, drawing.chosen_I, strict=True))
        ),
        "information_share": plain_share(
            list(zip(drawing.best_I, drawing.chosen_I, strict=True)), min(experts, classes)
        ),
        "label_information": plain_information(
            list(zip(drawing.best_I, drawing.label_I, strict=True))
        ),
        "conditional_entropy": mean([plain_entropy(mean_gate(rows)) for rows in by_class]),
        "max_expert_share": max(usage),
    }
    assert tabulated(drawing, classes, experts).metrics() == pytest.approx(plain, abs=1e-12)


def test_metrics_are_those_an_objective_may_name() -> None:
    assert tabulated(drawn(20, 3, 2, seed=0), 3, 2).metrics().keys() == METRICS.keys()


def test_independent_experts_and_classes_share_less_than_they_seem_to() -> None:
    """16 experts on 287 samples of 10 classes: 0.4 bits, 0.34 by the formula; 0.12 corrected."""
    random = np.random.default_rng(0)
    plug_in, corrected = [], []
    for _ in range(50):
        table_MK = np.zeros((16, 10))
        np.add.at(table_MK, (random.integers(16, size=287), random.integers(10, size=287)), 1)
        plug_in.append(mutual_information(table_MK))
        corrected.append(information_share(table_MK) * math.log2(10))
    bias = 15 * 9 / (2 * 287 * math.log(2))
    assert np.mean(plug_in) == pytest.approx(bias, rel=0.2)
    assert np.mean(corrected) < bias / 2


@pytest.mark.parametrize(("experts", "classes"), [(4, 8), (8, 4), (4, 4)])
def test_the_share_is_1_where_the_expert_says_all_it_can(experts: int, classes: int) -> None:
    table_MK = np.zeros((experts, classes))
    for place in range(max(experts, classes)):
        table_MK[place % experts, place % classes] = 1e6
    assert information_share(table_MK) == pytest.approx(1, abs=1e-5)


def crisp(table_CM: Table) -> Decomposition:
    """A model that is always right and whose gate is certain, from its class-by-expert counts."""
    right_CK = np.diag(table_CM.sum(1))
    confusion_MCK = np.repeat(right_CK[None], table_CM.shape[1], axis=0)
    return Decomposition(table_CM, table_CM, table_CM.T, confusion_MCK, right_CK, 0.0, 0.0)


def test_balanced_accuracy_is_not_misled_by_a_large_class() -> None:
    model_CK = np.array([[95.0, 0, 0], [5, 0, 0], [0, 0, 0]])  # always the first; the third absent
    one_expert_M = np.ones((3, 1))
    found = Decomposition(
        one_expert_M, one_expert_M, one_expert_M.T, model_CK[None], model_CK, 0.0, 0.0
    )
    assert found.accuracy == 0.95
    assert found.balanced_accuracy == 0.5


def test_perfect_split_has_all_the_information() -> None:
    metrics = crisp(np.diag([25.0, 25, 25, 25])).metrics()
    assert metrics["accuracy"] == 1
    assert metrics["usage_entropy"] == pytest.approx(2)
    assert metrics["mutual_information"] == pytest.approx(2)
    assert metrics["label_information"] == pytest.approx(2)
    assert metrics["conditional_entropy"] == 0
    assert metrics["max_expert_share"] == 0.25


def test_experts_used_alike_by_all_classes_tell_nothing() -> None:
    metrics = crisp(np.full((4, 8), 5.0)).metrics()
    assert metrics["usage_entropy"] == pytest.approx(3)
    assert metrics["conditional_entropy"] == pytest.approx(3)
    assert metrics["mutual_information"] == pytest.approx(0, abs=1e-12)
    assert metrics["label_information"] == pytest.approx(0, abs=1e-12)


def test_collapse_has_neither_usage_entropy_nor_information() -> None:
    collapsed_CM = np.zeros((4, 3))
    collapsed_CM[:, 1] = [10, 20, 30, 40]
    metrics = crisp(collapsed_CM).metrics()
    assert metrics["usage_entropy"] == 0
    assert metrics["mutual_information"] == 0
    assert metrics["label_information"] == 0
    assert metrics["max_expert_share"] == 1


def test_conditional_entropy_counts_classes_alike_and_skips_absent_ones() -> None:
    table_CM = np.array([[1000.0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]])
    assert crisp(table_CM).conditional_entropy == pytest.approx((0 + 2) / 2)


def test_entropy_of_nothing_is_zero() -> None:
    assert entropy([0.0, 0.0]) == 0
    assert mutual_information(np.zeros((2, 3))) == 0


counts = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=8),
    elements=st.integers(0, 10**6).map(float),
)


@given(counts)
@example(np.array([[2.0, 3.0], [6.0, 9.0]]))  # rounding alone would make it negative
def test_information_lies_between_zero_and_either_entropy(count_RN: Table) -> None:
    information = mutual_information(count_RN)
    bound = min(entropy(count_RN.sum(0)), entropy(count_RN.sum(1)))
    assert 0 <= information <= bound + 1e-9


@given(counts, st.floats(1e-6, 1e6))
def test_information_depends_on_shares_alone_and_is_symmetric(
    count_RN: Table, scale: float
) -> None:
    information = mutual_information(count_RN)
    assert mutual_information(count_RN.T) == pytest.approx(information, abs=1e-9)
    assert mutual_information(count_RN * scale) == pytest.approx(information, abs=1e-9)


@given(counts)
def test_entropy_lies_between_zero_and_that_of_equal_shares(count_RN: Table) -> None:
    assert 0 <= entropy(count_RN) <= math.log2(count_RN.size) + 1e-9


def test_error_parts_add_up_and_follow_their_definition() -> None:
    """Sample by sample: the best expert of a class errs so often, the model so often."""
    random = np.random.default_rng(3)
    experts, classes, samples = 3, 4, 200
    label_B = random.integers(classes - 1, size=samples)  # the last class has no sample
    says_MB = random.integers(classes, size=(experts, samples))
    says_MB[1, label_B == 2] = 2  # expert 1 knows class 2
    model_B = random.integers(classes, size=samples)
    confusion_MCK = np.zeros((experts, classes, classes))
    model_CK = np.zeros((classes, classes))
    for sample, label in enumerate(label_B):
        model_CK[label, model_B[sample]] += 1
        for expert in range(experts):
            confusion_MCK[expert, label, says_MB[expert, sample]] += 1
    experts_C, gate_C = error_parts(confusion_MCK, model_CK)
    for label in range(classes - 1):
        mine_B = label_B == label
        errors = [np.mean(says_B[mine_B] != label) for says_B in says_MB]
        assert experts_C[label] == pytest.approx(min(errors))
        assert experts_C[label] + gate_C[label] == pytest.approx(np.mean(model_B[mine_B] != label))
    assert experts_C[2] == 0
    assert np.isnan([experts_C[-1], gate_C[-1]]).all()
