"""The files that a trial leaves under ``decomposition/``: tables, a summary and figures.

Shape suffixes: E epoch, C true class, K predicted class, M expert; R row and N column of a table.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from moe_search.tracking.decomposition.figures import FIGURES
from moe_search.tracking.decomposition.model_view import ModelView


def decomposition_files(model: ModelView) -> dict[str, bytes]:
    """Content by file name.

    Tables hold samples, or gate probabilities summed over samples; usage is a share.

    Raises:
        ValueError: as many names as classes are wanted, and metrics that are finite.
    """
    return {name: write(model) for name, write in FILES.items()}


def _hard(model: ModelView) -> bytes:
    return _by_class(model, _experts(model), model.decomposition.hard_CM.astype(int))


def _soft(model: ModelView) -> bytes:
    return _by_class(model, _experts(model), model.decomposition.soft_CM)


def _expert_confusion(model: ModelView) -> bytes:
    confusion_MCK = model.decomposition.confusion_MCK.astype(int)
    keys = product(range(len(confusion_MCK)), model.classes)
    confusion_RK = confusion_MCK.reshape(-1, len(model.classes))
    return _csv(["expert", "class", *_predicted(model)], keys, confusion_RK)


def _model_confusion(model: ModelView) -> bytes:
    return _by_class(model, _predicted(model), model.decomposition.model_CK.astype(int))


def _usage(model: ModelView) -> bytes:
    epochs = [(epoch,) for epoch in range(1, len(model.usage_EM) + 1)]
    return _csv(["epoch", *_experts(model)], epochs, model.usage_EM)


def _summary(model: ModelView) -> bytes:
    """Every metric; and of each expert its usage and the class it is chosen for most, if any."""
    usage_M, hard_MC = model.decomposition.usage_M.tolist(), model.decomposition.hard_CM.T
    experts = [
        {
            "expert": m,
            "usage": usage,
            "samples": int(own_C.sum()),
            "serves_most": model.classes[int(np.argmax(own_C))] if own_C.any() else None,
        }
        for m, (usage, own_C) in enumerate(zip(usage_M, hard_MC, strict=True))
    ]
    summary = {"metrics": model.decomposition.metrics(), "experts": experts}
    return json.dumps(summary, indent=2, sort_keys=True, allow_nan=False).encode()


FILES: dict[str, Callable[[ModelView], bytes]] = {
    "class_by_expert_hard.csv": _hard,
    "class_by_expert_soft.csv": _soft,
    "expert_confusion.csv": _expert_confusion,
    "model_confusion.csv": _model_confusion,
    "usage_per_epoch.csv": _usage,
    "summary.json": _summary,
    **{figure.file: figure.draw for figure in FIGURES},
}
"""Which files there are, and what makes each."""


def _experts(model: ModelView) -> list[str]:
    return [f"expert_{m}" for m in range(model.usage_EM.shape[1])]


def _predicted(model: ModelView) -> list[str]:
    return [f"predicted_{name}" for name in model.classes]


def _by_class(model: ModelView, columns: Sequence[str], table_CN: npt.NDArray[Any]) -> bytes:
    return _csv(["class", *columns], ((name,) for name in model.classes), table_CN)


def _csv(
    header: Sequence[str], keys: Iterable[tuple[int | str, ...]], table_RN: npt.NDArray[Any]
) -> bytes:
    """A table with a key of one or more cells before each row; numbers keep every digit."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([*key, *row] for key, row in zip(keys, table_RN.tolist(), strict=True))
    return text.getvalue().encode()
