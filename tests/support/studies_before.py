"""Studies and models as moe-search 0.1.0 left them, before its modules were moved.

``studies_before.tar.xz`` holds one folder with the stores of three small studies, which version
0.1.0 (commit fc03a84) wrote with MLflow 3.17.2 and Optuna 5.0.0:

* ``moe-search run begun.yaml``: a search with finalists and a champion, run to its end;
* ``moe-search run compared.yaml``: a comparison of two configurations, one seed each;
* ``moe-search run interrupted.yaml``: killed (SIGKILL) while it logged its second trial.

Both sqlite files are SQL dumps. The folder stands in them as ``@FOLDER@``, and as ``@FOLDER_URI@``
where it was a URI; the processor's name was taken out. Pictures are one pixel each; the atlas on
the studies' pages in Optuna, MLflow's ``report/`` folders and the locks are left out: every run
makes them anew, and nothing reads them.

``expected.json`` is what version 0.1.0 said of the unpacked folder.
"""

import json
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from mlflow.db import commands as mlflow_db
from optuna.storages import RDBStorage

DATA = Path(__file__).with_suffix(".tar.xz")


def unpack(folder: Path) -> Path:
    """Restores the studies into a folder, which is made; returns it.

    The stores are upgraded as their users would, so newer versions of MLflow and Optuna open them.
    """
    with tarfile.open(DATA) as archive:
        # an argument of extractall only since Python 3.11.4; where the filter lacks, so be it
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(folder)
    for dump in folder.glob("*.sql"):
        _restore(dump, folder)
    storage = RDBStorage(f"sqlite:///{folder}/optuna.db", skip_compatibility_check=True)
    storage.upgrade()
    storage.engine.dispose()
    done = CliRunner().invoke(mlflow_db, ["upgrade", f"sqlite:///{folder}/mlflow.db"])
    assert done.exit_code == 0, done.output
    return folder


def expected(folder: Path) -> dict[str, Any]:
    """What version 0.1.0 said of the studies."""
    said: dict[str, Any] = json.loads((folder / "expected.json").read_text())
    return said


def _restore(dump: Path, folder: Path) -> None:
    """Puts an sqlite file in the place of its dump."""
    text = dump.read_text(encoding="utf-8")
    text = text.replace("@FOLDER_URI@", folder.as_uri()).replace("@FOLDER@", str(folder))
    with closing(sqlite3.connect(dump.with_suffix(".db"))) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.executescript(text)
    dump.unlink()
