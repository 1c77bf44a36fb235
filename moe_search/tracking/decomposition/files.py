"""The files that a trial leaves under ``decomposition/``: tables, a summary and figures.

Shape suffixes: E epoch, C true class, K predicted class, M expert; R row and N column of a table.
"""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from moe_search.moe.decomposition import Decomposition, Table
from moe_search.tracking.decomposition.figures import (
    class_by_expert,
    expert_confusions,
    usage_per_epoch,
)


def decomposition_files(
    decomposition: Decomposition, classes: Sequence[str], usage_EM: Table, title: str
) -> dict[str, bytes]:
    """Content by file name.

    Tables hold samples, or gate probabilities summed over samples; usage is a share.

    Args:
        decomposition: of a split with at least one sample.
        classes: their names, in the order of the tables.
        usage_EM: expert usage after each of one or more epochs.
        title: one short line above each figure.

    Raises:
        ValueError: as many names as classes are wanted, and metrics that are finite.
    """
    by_class = [(name,) for name in classes]
    by_expert_and_class = product(range(len(decomposition.confusion_MCK)), classes)
    by_epoch = [(epoch,) for epoch in range(1, len(usage_EM) + 1)]
    experts = [f"expert_{m}" for m in range(usage_EM.shape[1])]
    hard_CM = decomposition.hard_CM.astype(int)
    confusion_RK = decomposition.confusion_MCK.astype(int).reshape(-1, len(classes))
    predicted = [f"predicted_{name}" for name in classes]
    return {
        "class_by_expert_hard.csv": _csv(["class", *experts], by_class, hard_CM),
        "class_by_expert_soft.csv": _csv(["class", *experts], by_class, decomposition.soft_CM),
        "expert_confusion.csv": _csv(
            ["expert", "class", *predicted], by_expert_and_class, confusion_RK
        ),
        "model_confusion.csv": _csv(
            ["class", *predicted], by_class, decomposition.model_CK.astype(int)
        ),
        "usage_per_epoch.csv": _csv(["epoch", *experts], by_epoch, usage_EM),
        "summary.json": _summary(decomposition, classes),
        "class_by_expert.png": class_by_expert(decomposition, classes, title),
        "usage_per_epoch.png": usage_per_epoch(usage_EM, title),
        "expert_confusion.png": expert_confusions(decomposition, classes, title),
    }


def _csv(
    header: Sequence[str], keys: Iterable[tuple[int | str, ...]], table_RN: npt.NDArray[Any]
) -> bytes:
    """A table with a key of one or more cells before each row; numbers keep every digit."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([*key, *row] for key, row in zip(keys, table_RN.tolist(), strict=True))
    return text.getvalue().encode()


def _summary(decomposition: Decomposition, classes: Sequence[str]) -> bytes:
    """Every metric; and of each expert its usage and the class it is chosen for most, if any."""
    experts = [
        {
            "expert": m,
            "usage": usage,
            "samples": int(own_C.sum()),
            "serves_most": classes[int(np.argmax(own_C))] if own_C.any() else None,
        }
        for m, (usage, own_C) in enumerate(
            zip(decomposition.usage_M.tolist(), decomposition.hard_CM.T, strict=True)
        )
    ]
    summary = {"metrics": decomposition.metrics(), "experts": experts}
    return json.dumps(summary, indent=2, sort_keys=True, allow_nan=False).encode()
