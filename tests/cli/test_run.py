"""Several studies in one command, and the message that a run sends when it ends."""

import json
import signal
import sys
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from click.testing import CliRunner, Result
from support.messages import Messages

from moe_search.cli import main
from moe_search.data import Dataset, Reader, load
from moe_search.progress import Progress
from moe_search.spec import Data

pytestmark = pytest.mark.slow

SMALL = """\
name: {name}
data: {data}
model: {{experts: 2}}
training: {{epochs: 1, batch_size: 64}}
search: {{trials: 1, workers: 1, pruner: none}}
finalists: {{top: 0}}
"""


def study(folder: Path, name: str, data: str = "digits") -> str:
    file = folder / f"{name}.yaml"
    file.write_text(SMALL.format(name=name, data=data))
    return str(file)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["run", *arguments])


def test_a_study_that_fails_does_not_stop_the_rest(tmp_path: Path, messages: Messages) -> None:
    lost = f"{{name: arrays, path: {tmp_path / 'nowhere.npz'}}}"
    files = [study(tmp_path, "first", lost), study(tmp_path, "second")]
    finals = ("--set", "finalists.top=1", "--set", "finalists.seeds=1")
    done = run(*files, *finals, "--notify", messages.url)
    assert done.exit_code == 2
    assert "moe-search: first: " in done.stderr
    assert "nowhere.npz" in done.stderr
    assert "Studies" in done.stdout
    assert "second: all trials are done; 1 of 1 trials" in done.stdout
    told = {message["title"]: message["message"] for message in messages}
    assert told.keys() == {"moe-search: first", "moe-search: second"}
    assert "nowhere.npz" in told["moe-search: first"]
    ended, champion = told["moe-search: second"].split("; champion: ")
    assert ended.startswith("all trials are done; 1 of 1 trials")
    assert "secret" not in done.output
    again = run(*files, *finals, "--json")
    assert again.exit_code == 2
    first, second = json.loads(again.stdout)
    assert first["study"] == "first"
    assert "nowhere.npz" in first["error"]
    assert second["counts"]["complete"] == 1
    (finalist,) = second["finalists"]
    error = finalist["test"]["error"]["mean"]
    assert champion == f"trial {finalist['trial']}, test error {error:.4f}"


def test_data_is_read_once_where_it_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[tuple[str, int | float | str]] = []

    def counted(source: Data, test: bool, progress: Progress) -> Dataset:
        loaded.append((source.name, source.cache))
        return load(source, test, progress)

    monkeypatch.setattr(sys.modules[Reader.__module__], "load", counted)
    (tmp_path / "elsewhere").mkdir()
    x_NF = np.random.default_rng(0).normal(size=(90, 4))
    np.savez(tmp_path / "own.npz", x=x_NF, y=np.arange(90) % 3)
    files = [
        study(tmp_path, "first", "{name: arrays, path: own.npz}"),
        study(tmp_path, "second", "digits"),
        study(tmp_path / "elsewhere", "third", "{name: arrays, path: ../own.npz, cache: 1 GB}"),
    ]
    done = run(*files)
    assert done.exit_code == 0
    assert loaded == [("arrays", 20 * 10**9), ("digits", 20 * 10**9)]
    assert not list(tmp_path.rglob(".moe-search-*"))


def test_a_mistake_in_any_study_is_told_before_one_begins(tmp_path: Path) -> None:
    good, bad = study(tmp_path, "good"), study(tmp_path, "bad", "nonsense")
    done = run(good, bad)
    assert done.exit_code == 2
    assert f"{bad}:2: data: 'nonsense' is unknown" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"good.yaml", "bad.yaml"}


def test_a_study_alone_fails_as_before_and_the_message_says_why(
    tmp_path: Path, messages: Messages
) -> None:
    lost = f"{{name: arrays, path: {tmp_path / 'nowhere.npz'}}}"
    done = CliRunner(env={"MOE_SEARCH_NOTIFY": messages.url}).invoke(
        main, ["run", study(tmp_path, "alone", lost)]
    )
    assert done.exit_code == 2
    assert done.stderr.startswith("moe-search: ")
    (message,) = messages
    assert message["message"].startswith("failed: ")


ENDS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("number", ENDS, ids=lambda number: number.name)
def test_a_study_that_is_stopped_while_data_is_read_is_told_as_interrupted(
    tmp_path: Path,
    messages: Messages,
    number: signal.Signals,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read(source: Data, test: bool, progress: Progress) -> NoReturn:
        signal.raise_signal(number)
        raise AssertionError("it went on")

    monkeypatch.setattr(sys.modules[Reader.__module__], "load", read)
    before = [signal.getsignal(each) for each in ENDS]
    done = run(study(tmp_path, "told"), "--notify", messages.url)
    assert done.exit_code == 130
    assert done.stderr == "moe-search: stopped\n"
    assert [message["message"] for message in messages] == ["interrupted"]
    assert [signal.getsignal(each) for each in ENDS] == before


def test_an_address_that_does_not_answer_costs_one_line(tmp_path: Path) -> None:
    done = run(study(tmp_path, "told"), "--notify", "json://user:secret@127.0.0.1:9/")
    assert done.exit_code == 0
    assert done.stderr.count("was not delivered") == 1
    assert "secret" not in done.output


def test_an_unknown_address_is_a_mistake_before_anything_begins(tmp_path: Path) -> None:
    done = run(study(tmp_path, "told"), "--notify", "nonsense://secret")
    assert done.exit_code == 2
    assert "--notify: apprise knows no such address" in done.stderr
    assert "secret" not in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"told.yaml"}
