"""The house keeps its measure, and rows and files of the open sets belong together."""

import ast
import re
from itertools import groupby
from pathlib import Path

import pytest
from support import members_page

from moe_search.spec.kinds.kind import Kind

PACKAGE = Path(__file__).parents[2] / "moe_search"
SOURCES = {path.relative_to(PACKAGE).as_posix(): path.read_text() for path in PACKAGE.rglob("*.py")}

MOST_FILES = 17
MOST_LINES = 330
LONGEST_FUNCTION = 55


def above(limit: int, counts: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count > limit}


def test_no_folder_is_crowded() -> None:
    """Of files beside ``__init__.py``, in whatever language."""
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    parents = sorted(str(path.parent) for path in files if path.name != "__init__.py")
    assert above(MOST_FILES, {name: len(list(same)) for name, same in groupby(parents)}) == {}


def test_no_file_is_long() -> None:
    lines = {name: len(source.splitlines()) for name, source in SOURCES.items()}
    assert above(MOST_LINES, lines) == {}


def test_every_function_fits_a_screen() -> None:
    lines = {
        f"{name}:{node.lineno} {node.name}": node.end_lineno - node.lineno + 1
        for name, source in SOURCES.items()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.end_lineno
    }
    assert len(lines) > 900
    assert above(LONGEST_FUNCTION, lines) == {}


MEMBERS = [(module, name, table[name]) for module, table in members_page.tables() for name in table]


@pytest.mark.parametrize(
    "kind",
    [kind for _, _, kind in MEMBERS],
    ids=[f"{module} {name}" for module, name, _ in MEMBERS],
)
def test_what_makes_a_member_exists_and_is_said_in_a_line(kind: Kind) -> None:
    assert kind.load() is not None
    assert kind.meaning.isprintable()
    assert 0 < len(kind.meaning) <= 120


def imported(source: str) -> set[str]:
    """Full names of the modules that a source imports from, and of what it imports."""
    nodes = ast.walk(ast.parse(source))
    return {
        name
        for node in nodes
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        for name in (str(node.module), f"{node.module}.{alias.name}")
    }


def test_every_file_of_a_kinds_folder_is_named_by_a_row_or_imported() -> None:
    modules = {kind.made_by.partition(":")[0] for _, _, kind in MEMBERS}
    folders = {module.rpartition(".")[0] for module in modules if module.count(".") > 2}
    files = {
        f"moe_search.{name.removesuffix('.py').replace('/', '.')}"
        for name in SOURCES
        if not name.endswith("__init__.py")
    }
    members = {file for file in files if file.rpartition(".")[0] in folders}
    assert len(members) > 20
    assert members - modules - set().union(*map(imported, SOURCES.values())) == set()


def test_the_guide_lists_every_member() -> None:
    page = (PACKAGE.parent / "studies/guide/members.md").read_text()
    anew = "python tests/support/members_page.py > studies/guide/members.md"
    assert page == members_page.page(), f"write it anew: {anew}"


@pytest.mark.parametrize("document", [".github/CONTRIBUTING.md", "moe_search/README.md"])
def test_what_recipes_name_is_there(document: str) -> None:
    """Files that they name, and the folders of those that one is told to write."""
    text = (PACKAGE.parent / document).read_text()
    places = {re.sub(r"NAME\.py$", "", place) for place in re.findall(r"`([\w/]+/\w+\.py)`", text)}
    assert len(places) > 10
    roots = (PACKAGE.parent, PACKAGE)
    assert [place for place in sorted(places) if not any((r / place).exists() for r in roots)] == []


def test_what_is_said_to_be_slow_is_there() -> None:
    tests = PACKAGE.parent / "tests"
    text = (tests / "conftest.py").read_text()
    table = next(
        ast.literal_eval(node.value)
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SLOW"
    )
    for place in table:
        file, _, test = place.partition("::")
        assert (tests / file).exists(), place
        assert not test or f"def {test}(" in (tests / file).read_text(), place
