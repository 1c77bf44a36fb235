"""The oldest version that may be installed of each dependency is a safe one."""

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]

UNSAFE = {
    "mlflow": {
        "3.7.0": "CVE-2026-2033: any file by a path of an artifact",
        "3.9.0": "CVE-2026-2652: no login asked on some routes",
        "3.10.1": "CVE-2026-118623: an evaluation's artifact is unpickled",
        "3.17.1": "CVE-2026-64849: a webhook reaches inner addresses; 3.17.2 has the check",
        "4.0.0": "not known yet",
    },
    "torch": {
        "2.5.1": "CVE-2025-32434: code is run in spite of weights_only",
        "2.9.1": "CVE-2026-24747: memory is damaged in spite of weights_only",
    },
    "pillow": {
        "10.1.0": "CVE-2023-50447: code of an expression is run",
        "12.1.0": "CVE-2026-25990: a PSD image writes out of bounds",
        "12.1.1": "CVE-2026-40192: a FITS image fills the memory",
        "12.2.0": "CVE-2026-55379, and others fixed in 12.3",
    },
    "PyYAML": {"5.3.1": "CVE-2020-14343: code is run by a loader that was said to be safe"},
    "scikit-learn": {"1.4.2": "CVE-2024-5206: a fitted vectorizer keeps what it was to drop"},
    "optuna": {"4.9.0": "stores and samplers are those of 5", "6.0.0": "not known yet"},
    "optuna-dashboard": {"0.20.0": "its pages are served otherwise than the guard was tried with"},
    "ray": {
        "2.51.2": "CVE-2025-62593: a website that a browser shows runs code",
        "2.58.0": "a cluster of one's own machine asks for no login",
        "3.0.0": "not known yet",
    },
    "filelock": {
        "3.20.0": "CVE-2025-68146: a link in the place of a lock's file empties another file",
        "3.20.2": "CVE-2026-22701: the same of a soft lock",
    },
    "Jinja2": {
        "3.1.4": "CVE-2024-56201: a template's name is run as code",
        "3.1.5": "CVE-2025-27516: a template leaves the sandbox",
    },
    "pyarrow": {"14.0.0": "CVE-2023-47248: a Parquet or Arrow file is unpickled"},
    "PyMySQL": {"1.1.0": "CVE-2024-36039: keys of JSON become SQL"},
}
"""Versions that must not be installed, the last one before each mend, and why."""


EXTRAS = ("mysql", "notify", "postgresql", "ray")


def requirements() -> dict[str, Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [line for name in EXTRAS for line in project["optional-dependencies"][name]]
    parsed = map(Requirement, [*extras, *project["dependencies"]])
    return {requirement.name: requirement for requirement in parsed}


@pytest.mark.parametrize("package", UNSAFE)
def test_unsafe_versions_are_refused(package: str) -> None:
    allowed = requirements()[package].specifier
    for unsafe, why in UNSAFE[package].items():
        assert not allowed.contains(unsafe), why


def test_every_dependency_has_a_floor() -> None:
    for requirement in requirements().values():
        assert ">=" in {specifier.operator for specifier in requirement.specifier}, requirement


def test_what_is_installed_is_what_the_project_asks_for() -> None:
    extras = ("PyMySQL",)
    for requirement in requirements().values():
        if requirement.name not in extras:
            assert requirement.specifier.contains(version(requirement.name)), requirement


def test_what_is_imported_is_asked_for() -> None:
    """Also what comes with another package today, but for the parts that a package is made of."""
    modules = {
        name.partition(".")[0]
        for path in (ROOT / "moe_search").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [str(node.module)]
        )
    }
    others = modules - sys.stdlib_module_names - {"moe_search", "pydantic_core", "markupsafe"}
    packages = packages_distributions()
    asked = {name.lower() for name in requirements()}
    assert {m for m in others if not asked & {p.lower() for p in packages.get(m, [m])}} == set()
