"""Reads back what a run keeps under ``decomposition/``.

Shape suffixes: C true class, K predicted class, M expert; R row and N column of a table.
"""

import csv
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from moe_search.errors import UserError
from moe_search.moe.decomposition import Table
from moe_search.words import one_line

FOLDER = "decomposition"


@dataclass(frozen=True)
class ClassTable:
    """One row of numbers for each class, such as its samples by expert [C, M]."""

    classes: tuple[str, ...]
    table_CN: Table


def read_file(client: MlflowClient, run_id: str, name: str) -> bytes:
    """A file of a run's decomposition.

    Raises:
        UserError: the run has no such file.
    """
    with tempfile.TemporaryDirectory() as temporary:
        try:
            file = client.download_artifacts(run_id, f"{FOLDER}/{name}", temporary)
        except (MlflowException, OSError):
            raise UserError(
                one_line(
                    f"MLflow run {run_id} has no {FOLDER}/{name}: it was deleted, or an earlier "
                    "version of moe-search made the run; run the study under a new name"
                )
            ) from None
        return Path(file).read_bytes()


def read_classes(client: MlflowClient, run_id: str, name: str) -> ClassTable:
    """A table with a row for each class.

    Raises:
        UserError: as ``read_file``.
    """
    rows = _rows(read_file(client, run_id, name))
    return ClassTable(tuple(row[0] for row in rows), _numbers(rows, keys=1))


def read_confusions(client: MlflowClient, run_id: str) -> Table:
    """Each expert's own confusion on all samples [M, C, K].

    Raises:
        UserError: as ``read_file``.
    """
    table_RK = _numbers(_rows(read_file(client, run_id, "expert_confusion.csv")), keys=2)
    classes = table_RK.shape[1]
    return table_RK.reshape(-1, classes, classes)


def _rows(content: bytes) -> list[list[str]]:
    _, *rows = csv.reader(io.StringIO(content.decode(), newline=""))
    return rows


def _numbers(rows: list[list[str]], keys: int) -> Table:
    return np.array([row[keys:] for row in rows], dtype=np.float64)
