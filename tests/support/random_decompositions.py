"""Decompositions drawn at random, for tests of what is made of them."""

import numpy as np
import numpy.typing as npt

from moe_search.moe.decomposition import Decomposition, Table


def draw_decomposition(classes: int, experts: int, seed: int = 0) -> Decomposition:
    """Twenty samples of each class on average."""
    random = np.random.default_rng(seed)
    samples = 20 * classes
    label_I = random.integers(classes, size=samples)
    gate_IM = random.dirichlet(np.full(experts, 0.3), samples)
    predicted_IM = random.integers(classes, size=(samples, experts))
    best_I = gate_IM.argmax(1)
    chosen_I = predicted_IM[np.arange(samples), best_I]
    soft_CM = np.zeros((classes, experts))
    np.add.at(soft_CM, label_I, gate_IM)
    return Decomposition(
        soft_CM=soft_CM,
        hard_CM=_counts((classes, experts), label_I, best_I),
        chosen_MK=_counts((experts, classes), best_I, chosen_I),
        confusion_MCK=np.stack(
            [_counts((classes, classes), label_I, predicted_I) for predicted_I in predicted_IM.T]
        ),
        model_CK=_counts((classes, classes), label_I, chosen_I),
        sample_entropy=0.7,
        loss=1.25,
    )


def draw_usage(epochs: int, experts: int, seed: int = 0) -> Table:
    """Expert usage after each epoch, uneven by about a third."""
    usage_EM: Table = np.random.default_rng(seed).dirichlet(np.full(experts, 10.0), epochs)
    return usage_EM


def _counts(shape: tuple[int, ...], *index: npt.NDArray[np.intp]) -> Table:
    table = np.zeros(shape)
    np.add.at(table, index, 1)
    return table
