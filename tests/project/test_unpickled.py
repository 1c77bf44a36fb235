"""Nothing that can come from outside is unpickled or run as code: the source is searched for it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "moe_search"

PERMITTED = {
    "engine/messages.py: pickle": "messages between a coordinator and the workers it started",
    "data/files/processes.py: pickle": "calls to processes that it started, and their answers",
    "search/executors/ray.py: ray.get": "messages of the same kind, on the user's own cluster",
    "data/sets/cifar.py: pickle": "the published CIFAR files, after their md5",
}
"""All that may be found, each with the reason."""

MODULES = ("pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "runpy")
NAMES = (
    *(f"yaml.{name}" for name in ("load", "load_all", "full_load", "full_load_all")),
    *(f"yaml.{name}" for name in ("unsafe_load", "unsafe_load_all", "Loader", "UnsafeLoader")),
    *("yaml.FullLoader", "pandas.read_pickle", "torch.jit.load", "torch.export.load"),
    *("torch.package.PackageImporter", "torch.hub.load", "mlflow.pyfunc.load_model"),
    *(
        "ray.get",
        "mlflow.pytorch.load_model",
        "mlflow.sklearn.load_model",
        "importlib.import_module",
    ),
    *("torchvision.datasets.CIFAR10", "torchvision.datasets.CIFAR100"),
    *("eval", "exec", "compile", "__import__", "os.system"),
)
UNLESS = {"torch.load": ("weights_only", True), "numpy.load": ("allow_pickle", False)}
"""Functions that are safe with an argument, and only then."""


def found(source: str) -> Iterator[str]:
    """What of all this stands in a source, by its full name."""
    tree = ast.parse(source)
    imported = dict(_imports(tree))
    safe = set()
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=function) if name := _name(function, imported):
                given = {word.arg: ast.unparse(word.value) for word in node.keywords}
                if name in UNLESS and given.get(UNLESS[name][0]) == str(UNLESS[name][1]):
                    safe.add(function)
                if name.startswith("subprocess.") and given.get("shell", "False") != "False":
                    yield f"{name} with a shell"
    for node in ast.walk(tree):
        match node:
            case ast.Import() | ast.ImportFrom():
                modules = [full.split(".")[0] for _, full in _imports(ast.Module([node], []))]
                yield from (module for module in modules if module in MODULES)
            case ast.Attribute() | ast.Name() if node not in safe:
                name = _name(node, imported)
                if name in NAMES or name in UNLESS:
                    yield name
                if isinstance(node, ast.Attribute) and node.attr == "recv":
                    yield "recv of a connection, which unpickles"


def _imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Name in the source, and full name, of what is imported anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                root = one.name.partition(".")[0]
                yield (one.asname, one.name) if one.asname else (root, root)
        elif isinstance(node, ast.ImportFrom):
            for one in node.names:
                yield one.asname or one.name, f"{node.module}.{one.name}"


def _name(node: ast.AST, imported: dict[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return imported.get(node.id, node.id)
    if isinstance(node, ast.Attribute) and (before := _name(node.value, imported)):
        return f"{before}.{node.attr}"
    return None


def test_only_what_is_permitted_stands_in_the_package() -> None:
    every = {
        f"{path.relative_to(PACKAGE)}: {what}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for what in found(path.read_text())
    }
    assert every == set(PERMITTED)


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "def f():\n    from pickle import loads",
        "import joblib as j",
        "import torch\ntorch.load(x)",
        "import torch as t\nt.load(x, weights_only=False)",
        "from torch import load\nload(x, weights_only=flag)",
        "import torch\nlist(map(torch.load, x))",
        "import numpy as np\nnp.load(x)",
        "import numpy as np\nnp.load(x, allow_pickle=True)",
        "import yaml\nyaml.load(x, Loader=yaml.SafeLoader)",
        "from yaml import UnsafeLoader\nclass A(UnsafeLoader): pass",
        "import mlflow\nmlflow.pyfunc.load_model(x)",
        "from mlflow import pyfunc\npyfunc.load_model(x)",
        "import mlflow.pyfunc\nmlflow.pyfunc.load_model(x)",
        "connection.recv()",
        "import ray\nray.get(x)",
        "eval(x)",
        "import subprocess as s\ns.run(x, shell=True)",
        "from torchvision import datasets\ndatasets.CIFAR10(x)",
    ],
)
def test_the_search_finds(source: str) -> None:
    assert list(found(source))


@pytest.mark.parametrize(
    "source",
    [
        "import torch\ntorch.load(x, weights_only=True)",
        "import numpy as np\nnp.load(x, allow_pickle=False)",
        "import yaml\nclass A(yaml.SafeLoader): pass\nyaml.safe_load(x)",
        "from mlflow import pyfunc\npyfunc.save_model(x)",
        "connection.recv_bytes()",
        "import re\nre.compile(x)",
        "import subprocess\nsubprocess.run(x)",
    ],
)
def test_the_search_leaves_alone(source: str) -> None:
    assert list(found(source)) == []
