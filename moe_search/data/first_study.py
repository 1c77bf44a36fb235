"""A first study of a data set, as a commented study.yaml that runs as it stands."""

import json
import re
from math import log2, prod
from pathlib import Path
from typing import Any

from moe_search.data.sets.base import Survey
from moe_search.spec.kinds.data_sets import DATA_SETS
from moe_search.words import one_line

_COMMENTS = 54  # column in which they start
_UNEVEN = 1.5  # largest class to smallest, from which accuracy alone would mislead
_FEW = 10  # samples of a class, below which its share in a split is a matter of luck
_MANY_CLASSES = 50  # which need a wider hidden representation
_SMALL = 2000  # samples, below which there are more epochs and smaller networks
_LARGE = 32  # pixels a side, from which images get a residual network
_EMBEDDED = 128  # features, from which they are likely to be what another network says


def starting_study(found: Survey, folder: Path) -> str:
    """The text of study.yaml.

    Args:
        found: what the data holds.
        folder: in which the file will lie; data below it is named by a relative path.
    """
    name, samples = _name(found), sum(found.counts.values())
    batch = 2 ** min(max(int(log2(samples / 20)), 4), 9)
    experts = min(max(len(found.counts), 4), 16)
    lines = [
        "# Written by moe-search init; change what you like. Every key: moe-search schema",
        f"# {describe(found)}.",
        *_warnings(found),
        f"name: {name}",
        *_data(found, folder),
        "model:",
        _said(f"  backbone: {_backbone(found)}", "a preset, or layer lists of your own"),
        _said(f"  experts: {{low: 2, high: {experts}}}", "a range is searched, a value is fixed"),
        "  gate: {choices: [original, attentive]}",
        "  temperature: {low: 0.3, high: 3.0, log: true}",
        "regularizer:",
        "  kind: {choices: [none, importance, similarity]}",
        _said("  weight: {low: 0.01, high: 3.0, log: true}", "not searched where kind is none"),
        "training:",
        f"  epochs: {40 if samples < _SMALL else 20}",
        f"  batch_size: {batch}",
        "  lr: {low: 3.0e-4, high: 1.0e-2, log: true}",
        _said("objective:", "entropies count as shares of log2 M"),
        f"  maximize: {{{_accuracy(found)}: 1.0, sample_entropy: -0.1, usage_entropy: 0.1}}",
        "search: {trials: 30}",
        _said("finalists: {top: 3, seeds: 5}", "trained again, judged on the test split"),
        _said(f"storage: {{optuna: sqlite:///{name}.db}}", "beside this file, like mlflow.db"),
    ]
    return "\n".join(lines) + "\n"


def describe(found: Survey) -> str:
    """What the data holds, in one line."""
    fewest, most = min(found.counts.values()), max(found.counts.values())
    each = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    shape = " x ".join(map(str, found.shape))
    return (
        f"{sum(found.counts.values()):,} training samples of {shape}, "
        f"{len(found.counts)} classes of {each}"
    )


def plain_survey(found: Survey) -> dict[str, Any]:
    """What JSON knows of it."""
    path = found.source.path
    return {
        "data": found.source.name,
        "path": None if path is None else str(path),
        "training": sum(found.counts.values()),
        "shape": found.shape,
        "classes": found.counts,
        "own_validation": found.own_validation,
    }


def _said(line: str, comment: str) -> str:
    return f"{line:<{_COMMENTS - 2}}  # {comment}"


def _name(found: Survey) -> str:
    path = found.source.path
    given = found.source.name if path is None else path.absolute().stem
    return re.sub(r"[^a-z0-9_-]+", "-", given.lower()).strip("-_")[:64] or "study"


def _data(found: Survey, folder: Path) -> list[str]:
    source = found.source
    lines = ["data:", f"  name: {source.name}"]
    if source.path is not None:
        lines.append(f"  path: {_path(source.path, folder)}")
    for key in type(source).model_fields:
        if key in source.model_fields_set - {"name", "path"}:
            line = f"  {key}: {json.dumps(getattr(source, key), ensure_ascii=False)}"
            comment = found.comments.get(key)
            lines.append(_said(line, one_line(comment)) if comment else line)
    if found.own_validation:
        return [*lines, _said("  validation: auto", "the data's own validation split")]
    return [*lines, _said("  validation: 0.2", "of the training data")]


def _path(path: Path, folder: Path) -> str:
    """The path as YAML that is read from a study in this folder; JSON's quotes are YAML's."""
    whole, base = path.absolute(), folder.absolute()
    below = whole.relative_to(base) if whole.is_relative_to(base) else whole
    return json.dumps(str(below), ensure_ascii=False)


def _warnings(found: Survey) -> list[str]:
    by_size = sorted(found.counts, key=found.counts.__getitem__)
    smallest, largest = by_size[0], by_size[-1]
    lines = []
    if _is_uneven(found):
        lines.append(
            f"The classes are uneven ({smallest}: {found.counts[smallest]:,}, {largest}: "
            f"{found.counts[largest]:,}), so each counts alike in the objective."
        )
    if few := [name for name, count in found.counts.items() if count < _FEW]:
        lines.append(f"Of {len(few)} classes there are fewer than {_FEW} samples, as of {few[0]}.")
    return [f"# {one_line(line)}" for line in (*found.notes, *lines)]


def _is_uneven(found: Survey) -> bool:
    return max(found.counts.values()) >= _UNEVEN * min(found.counts.values())


def _accuracy(found: Survey) -> str:
    return "balanced_accuracy" if _is_uneven(found) else "accuracy"


def _backbone(found: Survey) -> str:
    """The data set's own preset, or one that fits samples and number of classes."""
    if preset := DATA_SETS[found.source.name].preset:
        return preset
    many, small = len(found.counts) > _MANY_CLASSES, sum(found.counts.values()) < _SMALL
    side = min(found.shape[1:], default=0)
    if side < 4:
        if prod(found.shape) >= _EMBEDDED:
            return "mlp_embedding"
        return "mlp_table" if not small else "mlp_d64" if many else "mlp"
    if side >= _LARGE and not small:
        return "residual"
    return "cifar100_d64" if many and side >= 16 else "conv"
