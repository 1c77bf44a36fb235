"""How much commands say on stderr: nothing with -q, more with -v, and what lasts on a terminal."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from support.finished_study import FinishedStudy

import moe_search
from moe_search.cli import main

STUDY = """\
name: talk
data: digits
model: {experts: 2, temperature: {low: 0.3, high: 3.0}}
training: {epochs: 2, batch_size: 64}
search: {trials: 2, pruner: none, collapse: off, workers: 1}
finalists: {top: 1, seeds: 1}
"""

LASTING = {
    "status": "opening the stores",
    "report": "opening the stores",
    "doctor": "looking at the stores",
    "pull": "fetching the model",
    "predict": "loading the model",
    "explain": "loading the model",
    "init": "looking at the data",
    "data prepare": "checking digits",
}
"""What each command that takes a while says of it on a terminal."""


def invoke(arguments: list[str], terminal: bool = False) -> Result:
    """A command whose output is a terminal's, as far as rich can tell, or a file's."""
    return CliRunner().invoke(main, arguments, env={"FORCE_COLOR": "1" if terminal else ""})


@pytest.fixture(scope="module")
def model(finished_study: FinishedStudy, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("pulled") / "model")
    assert invoke(["pull", str(finished_study.file), "--to", folder]).exit_code == 0
    return folder


@pytest.fixture
def arguments(finished_study: FinishedStudy, model: str, tmp_path: Path) -> dict[str, list[str]]:
    """Of each command."""
    samples = tmp_path / "x.npy"
    np.save(samples, np.zeros((1, 8, 8), np.float32))
    given = {
        "pull": [str(finished_study.file), "--to", str(tmp_path / "model")],
        "predict": [model, str(samples)],
        "explain": [model, str(samples)],
        "init": ["--data", "digits", "--out", str(tmp_path / "new.yaml")],
        "data prepare": ["digits"],
    }
    study = [str(finished_study.file)]
    return {name: [*name.split(), *given.get(name, study)] for name in LASTING}


@pytest.mark.parametrize("name", LASTING)
@pytest.mark.parametrize(
    ("terminal", "options", "shown"),
    [(True, [], True), (False, [], False), (True, ["-q"], False)],
    ids=["terminal", "file", "quiet"],
)
def test_a_terminal_shows_what_takes_a_while_and_nothing_else_does(
    name: str, arguments: dict[str, list[str]], terminal: bool, options: list[str], shown: bool
) -> None:
    result = invoke([*arguments[name], *options], terminal)
    assert result.exit_code == 0, result.output
    assert result.stdout
    assert LASTING[name] not in result.stdout
    if shown:
        assert LASTING[name] in result.stderr
    else:
        assert result.stderr == ""


def test_a_run_tells_every_epoch_or_nothing(
    tmp_path: Path, command: str, capfd: pytest.CaptureFixture[str]
) -> None:
    study = tmp_path / "study.yaml"
    study.write_text(STUDY)

    def ran(*options: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [command, "run", str(study), *options], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done

    lines = ran("-v").stderr.splitlines()
    epochs = sorted(line.partition("  accuracy ")[0] for line in lines if "  epoch " in line)
    champion = next(line.split()[3].strip(",") for line in lines if line.startswith("finalist of"))
    assert epochs == sorted(
        f"trial {trial}  seed {seed}  epoch {epoch}"
        for trial, seed in (("0", 0), ("1", 0), (champion, 1_000_000))
        for epoch in (1, 2)
    )
    quiet = ran("-q", "--json", "--set", "search.trials=3")
    assert quiet.stderr == ""
    assert json.loads(quiet.stdout)["counts"]["complete"] == 3
    moe_search.run(study, ["search.trials=4"])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("options", [[], ["-q"], ["-v"]])
def test_a_mistake_is_always_told_and_where_it_came_from_if_asked(
    tmp_path: Path, options: list[str]
) -> None:
    study = tmp_path / "study.yaml"
    study.write_text("name: x\ndata: {name: arrays, path: x.npz}\n")
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 no archive")
    result = invoke(["run", str(study), *options])
    assert (result.exit_code, result.stdout) == (2, "")
    told, *trace = result.stderr.splitlines()
    assert told.startswith("moe-search: ")
    assert "x.npz" in told
    if options == ["-v"]:
        assert "Traceback (most recent call last):" in trace
        assert any(line.startswith("zipfile.BadZipFile: ") for line in trace)
        assert trace[-1] == f"moe_search.errors.UserError: {told.removeprefix('moe-search: ')}"
    else:
        assert trace == []


def test_quiet_and_verbose_exclude_each_other() -> None:
    result = invoke(["validate", "study.yaml", "-q", "-v"])
    assert result.exit_code == 2
    assert result.stderr.endswith("Error: --quiet and --verbose exclude each other\n")
