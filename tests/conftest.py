"""What tests of all rooms share: the rule for what a machine may lack, and where MNIST lies."""

import os
import shutil
import signal
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


SLOW = {
    "browser": "a browser",
    "cli/test_interrupt.py": "whole runs, interrupted",
    "cli/test_servers.py": "servers",
    "cli/test_talk.py::test_a_run_tells_every_epoch_or_nothing": "whole runs",
    "dashboard/test_serve.py": "servers",
    "data/sets/test_cifar.py": "the whole data set",
    "data/test_damage.py::test_damage_is_refused_or_read_as_it_is": "hundreds of damaged files",
    "data/test_first_study.py": "whole runs",
    "engine/test_population.py::"
    "test_fast_convolutions_have_the_same_bits_alone_and_among_neighbours": "large convolutions",
    "engine/test_population.py::"
    "test_steps_with_fast_convolutions_agree_to_float_tolerance": "large convolutions",
    "engine/test_pretraining.py": "whole trainings",
    "faults": "killed processes, full disks, servers that go away",
    "models/test_distil.py": "whole runs",
    "models/test_pretrained.py": "a whole run",
    "package/test_open.py::test_a_local_package_needs_neither_mlflow_nor_optuna": "a process",
    "package/test_open.py::test_damage_is_noticed_or_harmless": "thousands of damaged files",
    "project/test_additions.py": "whole runs",
    "project/test_before.py": "stores of an earlier version",
    "project/test_readme.py": "every example of the README and the guide",
    "search/executors": "processes that train",
    "search/test_comparison.py": "runs with finals",
    "search/test_finals.py": "runs with finals",
    "search/test_seeds.py": "runs of several seeds",
    "search/test_stopping.py": "runs that stop",
    "search/test_suggest.py::test_a_grid_is_searched_once_through": "a long run",
    "search/test_light.py": "a whole run",
    "stores/test_failures.py": "runs that go on",
    "stores/test_moved.py": "runs that go on",
    "studies": "runs of the shipped studies",
    "testing": "whole runs",
    "tracking/test_model_logging.py": "models opened by processes of their own",
}
"""Folders, files and tests that are slow, and what they wait for."""

SLOW_FIXTURES = {"finished_study", "postgres"}
"""Whatever needs one of them is slow."""

ONE_CASE = (
    *("engine", "moe", "ops", "package", "search", "stores"),
    *("spec/test_mutations.py", "spec/test_properties.py"),
)
"""Folders and files in which the first case of a parametrised test is quick and others are slow."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow, which ``-m "not slow"`` leaves out, and begin with its files.

    At the end quick files are left for a process that waits, and not one long one.
    """
    begun: set[str] = set()
    for item in items:
        file = item.path.relative_to(Path(__file__).parent)
        test = f"{file.as_posix()}::{item.name.partition('[')[0]}"
        places = {test, file.as_posix(), *(parent.as_posix() for parent in file.parents)}
        another_case = test in begun and not places.isdisjoint(ONE_CASE)
        fixtures = SLOW_FIXTURES.intersection(getattr(item, "fixturenames", ()))
        if another_case or fixtures or not places.isdisjoint(SLOW):
            item.add_marker("slow")
        begun.add(test)
    first = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in first)


PLACES = ("OPTUNA_STORAGE", "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "RAY_ADDRESS")
"""Variables that name stores and a cluster."""


ENDS = {signal.SIGINT: signal.default_int_handler} | (
    {} if sys.platform == "win32" else {signal.SIGHUP: signal.SIG_DFL}
)
"""Signals that end runs, and what they do where nobody handles them."""


def pytest_configure() -> None:
    """No test writes to the stores, or trains on the cluster, that the shell names.

    Tests interrupt runs: with Ctrl-C or the end of a terminal ignored, as in a job in the
    background, those would go on.
    """
    for variable in PLACES:
        os.environ.pop(variable, None)
    for number, handler in ENDS.items():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.fixture(autouse=True)
def same_places() -> Iterator[None]:
    """No test leaves the name of a store behind: those after it would write there.

    MLflow's ``set_tracking_uri`` does, as it sets the variable, too.
    """
    before = {variable: os.environ.get(variable) for variable in PLACES}
    yield
    after = {variable: os.environ.get(variable) for variable in PLACES}
    assert after == before


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
