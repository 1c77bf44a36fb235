"""What tests of all rooms share: the rule for what a machine may lack, and where MNIST lies."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from support.finished_study import FinishedStudy

if TYPE_CHECKING:
    from support.servers import Postgres

pytest.register_assert_rewrite("support.study_runs")

pytest_plugins = ("support.tracked",)

Needs = Callable[[str, bool], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """How many random kills (tests/faults) and mutated studies (tests/spec) there are."""
    for what in ("--faults", "--mutations"):
        parser.addoption(what, choices=("share", "full"), default="share")


def pytest_configure() -> None:
    """No test writes to the stores, or trains on the cluster, that the shell names."""
    for variable in ("OPTUNA_STORAGE", "MLFLOW_TRACKING_URI", "RAY_ADDRESS"):
        os.environ.pop(variable, None)


@pytest.fixture(scope="session")
def needs() -> Needs:
    """``needs("chromium", found)``: skip where it is lacking, but fail in CI (CI=true)."""

    def check(what: str, present: bool) -> None:
        if present:
            return
        if os.environ.get("CI") == "true":
            pytest.fail(f"needs {what}, and in CI nothing is skipped")
        pytest.skip(f"needs {what}")

    return check


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder that $MOE_SEARCH_DATA names; one that does not exist where it names none."""
    return Path(os.environ.get("MOE_SEARCH_DATA") or "/nonexistent").absolute()


@pytest.fixture(scope="session")
def mnist_root(data_root: Path, needs: Needs) -> Path:
    """A folder with MNIST/raw below it."""
    needs("MNIST/raw below $MOE_SEARCH_DATA", (data_root / "MNIST" / "raw").is_dir())
    return data_root


@pytest.fixture(scope="session")
def fashion_mnist_root(data_root: Path, needs: Needs) -> Path:
    """A folder with FashionMNIST/raw below it."""
    found = (data_root / "FashionMNIST" / "raw").is_dir()
    needs("FashionMNIST/raw below $MOE_SEARCH_DATA", found)
    return data_root


@pytest.fixture(scope="session")
def cifar100_root(data_root: Path, needs: Needs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with CIFAR100/cifar-100-python below it: the original files."""
    if (data_root / "CIFAR100" / "cifar-100-python").is_dir():
        return data_root
    script = data_root / "CIFAR100" / "to_pickles.py"
    needs("CIFAR100 below $MOE_SEARCH_DATA", script.is_file())
    root = tmp_path_factory.mktemp("cifar")
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(
        [sys.executable, script, root / "CIFAR100"], check=True, env=environment, timeout=120
    )
    return root


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Operations run on one thread, as in a worker."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def double() -> Iterator[None]:
    """New tensors are of float64: what is left of a difference is not rounding."""
    import torch

    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def compiled(needs: Needs, one_thread: None) -> None:
    """What has a compiled form can be compiled."""
    names = (os.environ.get("CXX"), "g++", "clang++")
    needs("a C++ compiler", any(name and shutil.which(name) for name in names))


@pytest.fixture(scope="session")
def command() -> str:
    """The installed command."""
    return str(Path(sys.executable).with_name("moe-search"))


@pytest.fixture(scope="session")
def finished_study(tmp_path_factory: pytest.TempPathFactory, command: str) -> FinishedStudy:
    """Twelve trials and one finalist over two seeds; read it only, all tests share it."""
    file = tmp_path_factory.mktemp("finished") / "study.yaml"
    file.write_text(
        """\
name: finished
data: digits
model: {experts: {low: 2, high: 4}, gate: original}
regularizer: {kind: {choices: [none, importance]}, weight: {low: 0.01, high: 3.0, log: true}}
training: {epochs: 4, batch_size: 64, lr: 3.0e-3}
search: {trials: 12, pruner: none, collapse: off, workers: 1}
finalists: {top: 1, seeds: 2}
"""
    )
    done = subprocess.run(
        [command, "run", str(file), "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return FinishedStudy(file, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def empty_stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with stores that have their tables, whose making takes longer than all else."""
    from support.study_runs import make_stores

    folder = tmp_path_factory.mktemp("stores")
    make_stores(folder)
    return folder


@pytest.fixture(scope="session")
def postgres(needs: Needs) -> Iterator["Postgres"]:
    """PostgreSQL, with a password and without any database but its own."""
    from support.servers import Postgres

    needs("PostgreSQL (Debian's package postgresql)", Postgres.programs() is not None)
    needs("psycopg", find_spec("psycopg") is not None)
    with TemporaryDirectory() as folder:
        server = Postgres(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture
def study_folder(tmp_path: Path, empty_stores: Path) -> Path:
    """A folder of its own for one study, with empty stores."""
    return shutil.copytree(empty_stores, tmp_path / "a study")


@pytest.fixture(scope="module")
def study_copy(finished_study: FinishedStudy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, which may be written.

    Made by another process: closing a file of sqlite's would take the locks of it from this one.
    """
    folder = tmp_path_factory.mktemp("copy") / "study"
    subprocess.run(["cp", "--recursive", finished_study.file.parent, folder], check=True)
    return folder / "study.yaml"
