"""Every example of the README and the guide runs: studies, commands in order, and Python.

All in one folder, in the order of ``DOCUMENTS``, because one example goes on where another ended.
Studies that are run are shortened first.
"""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from support.shipped_studies import copy_studies

from moe_search.cli import main
from moe_search.spec import Study

ROOT = Path(__file__).parents[2]
DOCUMENTS = {
    name: (ROOT / name).read_text()
    for name in (
        "README.md",  # makes wine.npz, wine.yaml and a champion
        *(
            f"studies/guide/{name}.md"
            for name in (
                *("study", "members", "own_data", "reading", "comparing", "search", "commands"),
                *("service", "cluster", "servers", "security", "questions"),
            )
        ),
        "tests/benchmarks/README.md",
        "moe_search/README.md",
    )
}
"""What people read, in the order in which its examples run."""

TEXT = "\n".join(DOCUMENTS.values())

SERVE = "mlflow models serve"

REPLACED: dict[str, tuple[str | None, str]] = {
    "pip install . && moe-search run studies/digits.yaml": (
        "moe-search run studies/digits.yaml",
        "what is tested is installed already",
    ),
    "pip install '.[test]' && pytest": (None, "these are the tests"),
    "moe-search dashboard studies/digits.yaml": (
        "moe-search dashboard --help",
        "serves until Ctrl-C; the tests of the dashboards start it",
    ),
    "ray start --head --port=6379 --include-dashboard=false --disable-usage-stats": (
        None,
        "listens until it is stopped; the tests of Ray start clusters",
    ),
    "moe-search run wine.yaml --set search.trials=40": (
        "moe-search run wine.yaml --set search.trials=3",
        "shortened, as the studies are",
    ),
    "mlflow models serve -m models:/wine@champion --env-manager local --port 5001": (
        None,
        "serves until Ctrl-C; test_the_service_answers starts it",
    ),
    **dict.fromkeys(
        (
            "sudo -u postgres createuser --pwprompt ada",
            "sudo -u postgres createdb --owner ada trials",
            "sudo -u postgres createdb --owner ada runs",
            "pip install 'moe-search[postgresql]'",
            "MLFLOW_BACKEND_STORE_URI=postgresql://ada@localhost/runs mlflow server "
            "--artifacts-destination ./artifacts --port 5000",
            "moe-search run study.yaml",
        ),
        (None, "needs servers; tests/cli/test_servers.py starts them"),
    ),
}
"""What is run in the place of a command, and why; None for nothing."""

SHORTER = {"epochs": 1, "trials": 2, "top": 1, "seeds": 2}


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the place where it starts."""

    language: str
    text: str
    place: str


def blocks() -> list[Block]:
    return [
        Block(fence[1], fence[2], f"{name}:{text[: fence.start()].count(chr(10)) + 1}")
        for name, text in DOCUMENTS.items()
        for fence in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    ]


def of(language: str) -> list[Block]:
    return [block for block in blocks() if block.language == language]


def commands(block: Block) -> list[str]:
    return [line for line in block.text.splitlines() if line and not line.startswith("curl ")]


def shorten(folder: Path) -> None:
    """Make every study in a folder one of seconds."""
    for file in folder.glob("**/*.yaml"):
        text = file.read_text()
        for key, value in SHORTER.items():
            text = re.sub(rf"\b{key}: \d+", f"{key}: {value}", text)
        file.write_text(text)


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Path:
    """Where every command and every Python block was run, in order."""
    here = tmp_path_factory.mktemp("readme")
    copy_studies(here / "studies")
    for block in blocks():
        shorten(here)
        if block.language == "python":
            run([sys.executable, "-c", block.text], here, environment, block)
        if block.language == "sh":
            for command in commands(block):
                instead, _ = REPLACED.get(command, (command, ""))
                if instead is not None:
                    run(["bash", "-ec", instead], here, environment, block)
                    shorten(here)
    return here


def run(arguments: list[str], here: Path, environment: dict[str, str], block: Block) -> None:
    done = subprocess.run(
        arguments,
        cwd=here,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, f"{block.place}: {arguments[-1]}\n{done.stderr}"


def test_every_page_of_the_guide_is_listed() -> None:
    pages = {f"studies/guide/{page.name}" for page in (ROOT / "studies" / "guide").glob("*.md")}
    assert pages == {name for name in DOCUMENTS if name.startswith("studies/guide/")}


def test_every_block_says_what_it_is() -> None:
    assert {block.language for block in blocks()} == {"sh", "python", "yaml", "toml", "text"}
    assert TEXT.count("```") == 2 * len(blocks())


def test_every_replacement_is_of_a_command_that_is_written() -> None:
    assert REPLACED.keys() <= {command for block in of("sh") for command in commands(block)}


@pytest.mark.parametrize("block", of("yaml"), ids=lambda block: block.place)
def test_a_study_is_right(block: Block) -> None:
    assert Study.model_validate(yaml.safe_load(block.text))


def test_commands_and_python_run_in_order(folder: Path) -> None:
    assert (folder / "champion" / "model.safetensors").is_file()
    assert (folder / "wine.yaml").is_file()


def test_backbones_and_networks_are_declared_for_the_groups_that_are_read() -> None:
    import tomllib

    from moe_search.spec.kinds.installed import GROUP
    from moe_search.spec.kinds.networks import NETWORKS

    blocks = [tomllib.loads(block.text) for block in of("toml")]
    groups = {group for block in blocks for group in block["project"]["entry-points"]}
    assert groups == {GROUP, NETWORKS.group}


def test_the_service_answers(folder: Path, environment: dict[str, str]) -> None:
    """The served model takes the guide's request."""
    (serve,) = [c for block in of("sh") for c in commands(block) if c.startswith(SERVE)]
    (store,) = [c for block in of("sh") for c in commands(block) if c.startswith("export MLFLOW")]
    (request,) = re.findall(r"^curl .*$", TEXT, re.MULTILINE)
    words = shlex.split(request)
    body = words[words.index("-d") + 1].encode()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url, serve = words[1].replace("5001", str(port)), serve.replace("5001", str(port))
    server = subprocess.Popen(
        ["bash", "-ec", f"{store}\nexec {serve}"],
        cwd=folder,
        env=environment,
        process_group=0,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        answer = asked(url, body, server)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=60)
    (probabilities,) = answer["predictions"]
    assert len(probabilities) == 3
    assert sum(probabilities.values()) == pytest.approx(1, abs=1e-5)


def asked(url: str, body: bytes, server: subprocess.Popen[bytes]) -> dict[str, Any]:
    """What the service answers, once it is up."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    for _ in range(600):
        assert server.poll() is None, "the service has ended"
        try:
            with urllib.request.urlopen(request) as response:
                answer: dict[str, Any] = json.load(response)
                return answer
        except urllib.error.HTTPError:
            raise
        except OSError:
            time.sleep(0.5)
    raise AssertionError("the service did not come up")


def test_the_table_of_commands_is_whole() -> None:
    section = DOCUMENTS["README.md"].partition("## Commands")[2]
    table = section.partition("\n\n")[2].partition("\n\n")[0]
    first_column = re.findall(r"^\| (`.*?) \| ", table, re.MULTILINE)
    listed = {name for cell in first_column for name in re.findall(r"`(\w+)", cell)}
    assert listed == set(main.commands)


MENTIONED = sorted(set(re.findall(r"`moe-search ([^`\n]+)`", TEXT)))


@pytest.mark.parametrize("mention", MENTIONED)
def test_what_the_text_mentions_exists(mention: str) -> None:
    name, *words = shlex.split(mention)
    command: click.Command = main.commands[name]
    if isinstance(command, click.Group):
        command = command.commands[words[0]]
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options
