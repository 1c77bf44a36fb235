"""With what a study is made: versions, machine, and the commit of what it lies in."""

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from moe_search.machine import cores

_PACKAGES = ("moe-search", "torch", "optuna", "mlflow")


def provenance(folder: Path) -> dict[str, str]:
    """Facts by name; ``commit`` only where the folder lies in a git repository.

    Args:
        folder: of study.yaml.
    """
    made = {package: version(package) for package in _PACKAGES}
    made |= {"python": platform.python_version(), "machine": _machine()}
    if commit := _git(folder, "rev-parse", "HEAD"):
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
        made["commit"] = f"{commit} with changes" if changed else commit
    return made


def _machine() -> str:
    """Processor, cores this process may use, and system."""
    name = platform.processor()
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        lines = (line.partition(":") for line in facts.read_text().splitlines())
        models = (value.strip() for key, _, value in lines if key.strip() == "model name")
        name = next(models, name)
    return f"{name or platform.machine()}, {cores()} cores, {platform.system()}"


def _git(folder: Path, *arguments: str) -> str:
    """What git prints; nothing where there is no git or no repository."""
    try:
        done = subprocess.run(
            # a repository's own settings can name a program to watch its files
            ["git", "-c", "core.fsmonitor=false", "-C", str(folder.absolute()), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
