"""Damaged stores are refused in one line that says which; nothing is written to them."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.damaged_files import damaged, unless_refused
from support.fake_workers import decomposition
from support.study_runs import run, study_in

from moe_search.cli import main
from moe_search.report.results.summary import Summary, summarize
from moe_search.search.study_store import find_study
from moe_search.spec.file.document import as_yaml

FINALS = {"finalists": {"top": 1, "seeds": 1}}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory, empty_stores: Path) -> Path:
    """The folder of a study that ran to its end, with its file."""
    folder = tmp_path_factory.mktemp("ended") / "study"
    shutil.copytree(empty_stores, folder)
    study = study_in(folder, **FINALS)
    run(study, lambda spec, epoch: decomposition(5, 0.9))
    (folder / "study.yaml").write_text(as_yaml(study.model_dump(mode="json")))
    for store in folder.glob("*.db"):
        with closing(sqlite3.connect(store)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder


def cut(store: Path) -> None:
    store.write_bytes(store.read_bytes()[:-5000])


def overwritten(store: Path) -> None:
    content = bytearray(store.read_bytes())
    content[4096 : 4 * 4096] = b"\xa5" * (3 * 4096)
    store.write_bytes(content)


def text(store: Path) -> None:
    store.write_text("no database, but some text of which it is not one\n" * 100)


def folder(store: Path) -> None:
    store.unlink()
    store.mkdir()


def of_another_program(store: Path) -> None:
    store.unlink()
    with closing(sqlite3.connect(store)) as database:
        database.execute("CREATE TABLE customers (name TEXT)")
        database.commit()


def of_the_other_store(store: Path) -> None:
    (other,) = set(store.parent.glob("*.db")) - {store}
    shutil.copy(other, store)


def of_a_newer_version(store: Path) -> None:
    with closing(sqlite3.connect(store)) as database:
        database.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
        database.commit()


def contents(folder: Path) -> dict[Path, bytes]:
    """Every file but those that sqlite makes for itself."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in files if path.suffix not in (".db-shm", ".db-wal")}


@pytest.mark.parametrize(
    "damage",
    [cut, overwritten, text, folder, of_another_program, of_the_other_store, of_a_newer_version],
)
@pytest.mark.parametrize(
    ("store", "command"),
    [("optuna", "run"), ("optuna", "status"), ("mlflow", "run"), ("mlflow", "doctor")],
)
def test_a_damaged_store_is_refused(
    tmp_path: Path, ended: Path, store: str, command: str, damage: Callable[[Path], None]
) -> None:
    copy = shutil.copytree(ended, tmp_path / "copy")
    damage(copy / f"{store}.db")
    before = contents(copy)
    more = ["--set", "search.trials=6"] if command == "run" else []
    result = CliRunner().invoke(main, [command, str(copy / "study.yaml"), *more])
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    (line,) = result.stderr.splitlines()
    assert str(copy / f"{store}.db") in line
    after = contents(copy)
    lock = copy / "artifacts" / "tiny.lock"  # says who holds the study
    assert after | {lock: b""} == before | {lock: b""}


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_what_a_damaged_store_says_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, ended: Path, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    whole = (ended / "optuna.db").read_bytes()
    (folder / "optuna.db").write_bytes(data.draw(damaged(whole)))
    study = study_in(folder, **FINALS)

    def read() -> Summary:
        return summarize(study, find_study(study), 5)

    assert unless_refused("", read) is None or (folder / "optuna.db").stat().st_size == len(whole)
