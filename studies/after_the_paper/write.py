"""Writes the studies of this folder, and the table that one of them trains on.

Run ``python studies/after_the_paper/write.py`` before the first run and after any change of rows.
"""

import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from moe_search.spec import Study

SAMPLES, FEATURES, REGIMES, CLASSES = 10_000, 20, 5, 6

TOP_2 = {"output": "top_k", "top_k": 2}
ROUTERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "original": ({"gate": "original"}, {}),
    "attentive": ({"gate": "attentive"}, {}),
    "cosine": ({"gate": "cosine", "temperature": 0.07}, {}),
    "noisy top-2": ({"gate": "noisy", **TOP_2}, {}),
    "sigmoid top-2 with bias": ({"gate": "sigmoid", **TOP_2}, {"bias_rate": 0.001}),
}
"""What of the model and of the regularizer makes each router."""

SOFT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {"Soft MoE": ({"gate": "soft"}, {})}
"""The router that needs a feature map of several channels, which not all networks have."""

WEIGHTS = dict.fromkeys(
    ("importance", "similarity", "information", "orthogonality", "experts_apart", "decided"),
    (0.01, 0.1, 1.0),
) | {"z": (0.001, 0.01, 0.1), "load": (0.01, 0.1, 1.0), "balance": (0.01, 0.1, 1.0)}
"""Of each term."""

PAPER = ("similarity",)
"""The term that the paper brought, for studies that take long."""

COMMON = {
    "training": {"epochs": 20},
    "storage": {"optuna": "sqlite:///after_the_paper.db"},
}


def write_regimes(folder: Path) -> None:
    """A table with a decomposition: what a row's features say of its class depends on its regime.

    The regime is a cluster of the first four features, which overlap a little; in each, the class
    is the largest of other linear scores of all features.
    """
    rng = np.random.default_rng(0)
    regime = rng.integers(0, REGIMES, SAMPLES)
    x = rng.normal(size=(SAMPLES, FEATURES))
    x[:, :4] += 2.5 * rng.normal(size=(REGIMES, 4))[regime]
    scores = rng.normal(size=(REGIMES, FEATURES, CLASSES))
    y = (np.einsum("nf,nfc->nc", x, scores[regime]) + rng.gumbel(size=(SAMPLES, CLASSES))).argmax(1)
    np.savez(folder / "regimes.npz", X=x.astype(np.float32), y=y)


def rows(
    study: dict[str, Any], weights: int, terms: Collection[str], soft: bool
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every router without a term, and with each of the terms that has a meaning for it."""
    yield "single", {"model": {"kind": "single"}}
    for router, (model, regularizer) in (ROUTERS | SOFT if soft else ROUTERS).items():
        yield router, _row(model, regularizer)
        for term in terms:
            values = WEIGHTS[term]
            chosen = values if weights == len(values) else values[1:2]
            for value in chosen:
                row = _row(model, {**regularizer, term: value})
                if _means(term, row, study):
                    yield f"{router} + {term} {value:g}", row


def _row(model: dict[str, Any], regularizer: dict[str, Any]) -> dict[str, Any]:
    return {"model": model} | ({"regularizer": regularizer} if regularizer else {})


def _means(term: str, row: dict[str, Any], study: dict[str, Any]) -> bool:
    """Whether a term counts there."""
    asked = {**study, "model": study["model"] | row["model"], "regularizer": row["regularizer"]}
    return term in Study.model_validate(asked).configuration({}).regularizer.weights


def write(
    file: Path,
    comment: str,
    study: dict[str, Any],
    weights: int = 1,
    terms: Collection[str] = tuple(WEIGHTS),
    soft: bool = False,
) -> None:
    """A study of all rows; ``soft`` with a router that needs a feature map."""
    study = study | COMMON | {"training": study.get("training", {}) | COMMON["training"]}
    head = [f"# {line}" for line in comment.splitlines()]
    schema = "# yaml-language-server: $schema=../study.schema.json"
    body = yaml.safe_dump(study, sort_keys=False, width=100, default_flow_style=None)
    lines = [
        f"  {yaml.safe_dump(name).splitlines()[0]}: {_flow(row)}"
        for name, row in rows(study, weights, terms, soft)
    ]
    text = "\n".join([schema, *head, body + "configurations:", *lines]) + "\n"
    file.write_text(text)


def _flow(row: dict[str, Any]) -> str:
    return yaml.safe_dump(row, default_flow_style=True, sort_keys=False, width=1000).strip()


def main(folder: Path) -> None:
    """Write all of it."""
    write_regimes(folder)
    write(
        folder / "table.yaml",
        "Routers and terms from the paper and after it, on a made table of five regimes.\n"
        "write.py makes the table (regimes.npz) and this file.",
        {
            "name": "after-table",
            "description": "Which router and which term, on a table with a known decomposition.",
            "data": {"name": "arrays", "path": "regimes.npz"},
            "model": {
                "experts": 5,
                "backbone": {
                    "expert": [{"linear": 32}, "relu", {"linear": 16}],
                    "gate": [{"linear": 32}, "relu", {"linear": 16}],
                },
            },
            "training": {"batch_size": 128},
            "search": {"seeds": 10},
        },
        weights=3,
    )
    write(
        folder / "mnist.yaml",
        "Routers and terms from the paper and after it, at the paper's networks for MNIST.\n"
        "Of each term one weight; table.yaml has three. write.py makes this file.",
        {
            "name": "after-mnist",
            "description": "Which router and which term, at the paper's networks for MNIST.",
            "data": {"name": "mnist", "validation": 10000},
            "model": {"experts": 5},
            "training": {"batch_size": 512},
            "search": {"seeds": 10},
        },
    )
    write(
        folder / "fashion_mnist.yaml",
        "Routers from the paper and after it, without a term and with that of the paper, at its\n"
        "networks for FashionMNIST. write.py makes this file.",
        {
            "name": "after-fashion-mnist",
            "description": "Which router and which term, at the paper's networks for FashionMNIST.",
            "data": {"name": "fashion_mnist", "validation": 10000},
            "model": {"experts": 5},
            "training": {"batch_size": 512},
            "search": {"seeds": 3},
        },
        terms=PAPER,
        soft=True,
    )


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]) if sys.argv[1:] else Path(__file__).parent)
