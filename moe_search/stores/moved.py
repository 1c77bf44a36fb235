"""A study's folder that was moved or copied, with MLflow's store in it.

MLflow keeps the place of every file as an absolute path. After a move nothing is found any more,
and after a copy a run would write into the place it was copied from.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

from moe_search.errors import UserError
from moe_search.spec.kinds.stores import store_file
from moe_search.stores.checks import check_store

_PLACES = (
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("experiments", "artifact_location"),
)
"""Tables and columns of MLflow's in which places of files stand."""


def follow_move(url: str, experiment: str, folder: Path) -> Path | None:
    """Let MLflow's sqlite store name the folder in which a study's files lie now.

    That is done where they lie there, or where the folder that the store names is gone. A folder
    that a study chose before stays as long as it exists.

    Args:
        url: of MLflow's store; only an sqlite file has such places. Nobody else writes it.
        experiment: the study's, by name.
        folder: of MLflow's files, beside the study.

    Returns:
        The folder that the store named before; None where nothing was to be done.
    """
    store = store_file(url)
    if store is None or not store.exists():
        return None
    now = folder.as_uri()
    before = _place(store, experiment)
    if not before.startswith("file:") or before == now:
        return None
    named = Path(unquote(urlsplit(before).path))
    if not folder.is_dir() and named.is_dir():
        return None
    try:
        check_store(url, "MLflow")
    except UserError:
        return None  # whoever opens it tells what is wrong with it
    with closing(sqlite3.connect(store, timeout=60)) as database, database:
        for table, column in _PLACES:
            database.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                (now, len(before) + 1, before, len(before) + 1, f"{before}/"),
            )
    return named


def _place(store: Path, experiment: str) -> str:
    """Where an experiment's files lie by the store; nothing where it cannot say."""
    try:
        with closing(sqlite3.connect(store, timeout=60)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
            if not tables >= {table for table, _ in _PLACES}:
                return ""
            place: tuple[str] | None = database.execute(
                "SELECT artifact_location FROM experiments WHERE name = ?", (experiment,)
            ).fetchone()
    except sqlite3.Error:
        return ""
    return place[0] if place else ""
