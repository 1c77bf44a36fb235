"""One coordinator holds a study; what it left is mended by the next, or by the doctor."""

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from optuna.trial import TrialState
from support.killed_coordinators import Coordinators, study
from support.servers import Postgres
from support.study_runs import check_ledger, runs, study_in, trials

from moe_search.cli import main
from moe_search.errors import UserError
from moe_search.search.study_store import open_study
from moe_search.spec import Study
from moe_search.stores.lock import study_lock
from moe_search.stores.optuna import open_storage


@pytest.fixture
def file(study_folder: Path) -> Path:
    """The study of the coordinators, as a file."""
    path = study_folder / "study.yaml"
    path.write_text(json.dumps({"name": "tiny", "data": "digits"}))
    return path


@pytest.fixture
def holder(study_folder: Path, coordinators: Coordinators) -> Iterator[int]:
    """A process that holds the study until the test ends, or kills it."""
    number = coordinators.start(study_folder, "hold")
    ends = time.monotonic() + 60
    while not (study_folder / "held").exists():
        assert time.monotonic() < ends
        time.sleep(0.01)
    yield number
    os.kill(number, signal.SIGKILL)
    assert coordinators.wait() == -signal.SIGKILL


def locked(study: Study) -> AbstractContextManager[None]:
    return study_lock(study.name, study.addresses)


def doctor(file: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["doctor", str(file), *options])


@pytest.mark.parametrize("command", ["run", "doctor"])
def test_a_held_study_is_refused(file: Path, holder: int, command: str) -> None:
    asked = study(file.parent)
    open_study(asked, open_storage(asked.optuna_url))
    with locked(study_in(file.parent, name="other")):
        result = CliRunner().invoke(main, [command, str(file)])
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    where = f"process {holder} on {socket.gethostname()} since 2"
    assert line.startswith(f"moe-search: study 'tiny' is held by {where}")


def test_a_study_in_postgresql_is_held_for_every_machine(
    postgres: Postgres, tmp_path: Path
) -> None:
    """Machines share the database, and no folder."""
    stores = {"optuna": postgres.create("held")}
    here, there = (study_in(tmp_path / name, storage=stores) for name in ("here", "there"))
    with locked(here), locked(study_in(tmp_path / "there", name="other", storage=stores)):
        with pytest.raises(UserError) as caught, locked(there):
            pass
        where = f"process {os.getpid()} on {socket.gethostname()} since 2"
        assert str(caught.value).startswith(f"study 'tiny' is held by {where}")
    with locked(there):
        pass


def test_a_lock_that_postgresql_forgot_ends_quietly(
    postgres: Postgres, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with locked(study_in(tmp_path, storage={"optuna": postgres.create("forgotten")})):
        postgres.restart()
    assert capfd.readouterr() == ("", "")


def test_the_doctor_shows_and_mends_what_a_death_left(
    file: Path, coordinators: Coordinators
) -> None:
    coordinators.start(file.parent, "model made")
    assert coordinators.wait() == -signal.SIGKILL
    asked = study(file.parent)
    left = [trial.number for trial in trials(asked, TrialState.RUNNING)]
    result = doctor(file, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["requeued"] == left
    assert len(found["runs"]) == 2  # the study's, and of the trial that was being written
    assert len(found["models"]) == 1
    assert found["given_up"] == found["empty"] == found["lost"] == []
    assert not trials(asked, TrialState.RUNNING)
    assert "RUNNING" not in [one.info.status for one in runs(asked, "trial")]
    check_ledger(asked)
    assert doctor(file).stdout == "nothing to mend\n"


def test_the_doctor_says_what_it_did_and_what_it_cannot_mend(
    file: Path, coordinators: Coordinators
) -> None:
    coordinators.start(file.parent, "told")
    assert coordinators.wait() == -signal.SIGKILL
    (file.parent / "mlflow.db").unlink()
    numbers = [trial.number for trial in trials(study(file.parent), TrialState.COMPLETE)]
    lines = doctor(file).stdout.splitlines()
    assert lines[0].endswith("did not end and will run again")
    assert lines[1:] == [
        f"trials {', '.join(map(str, numbers))} complete, but without a finished run in MLflow: "
        "nothing mends this"
    ]
