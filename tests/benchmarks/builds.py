"""Seconds of a trial-epoch of two builds, by the command that both have: ``moe-search run``.

Run ``python tests/benchmarks/builds.py REF [WORKLOAD ...]`` on a quiet machine, with a commit to
compare with this checkout. One configuration is trained from 16 seeds, for one epoch and for
several; what the second run takes longer is the epochs alone. The builds take turns, and of several
rounds the least counts. Both run in this environment, so the commit must do with its packages.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.workloads import WEIGHT, WORKLOADS, Workload

ROOT = Path(__file__).parents[2]
SEEDS = 16
COMMAND = "from moe_search.cli import main; main()"


def study(of: Workload, kind: str, epochs: int, folder: Path) -> str:
    """A study in keys that every build knows, as JSON, which is YAML, too."""
    source = of.source(folder)
    data = {"name": source.name, "validation": of.validation}
    networks = of.backbone.model_dump(mode="json", include={"expert", "gate"})
    whole = {
        "name": "builds",
        "data": data | ({"path": str(source.path)} if source.path else {}),
        "model": {"experts": of.experts, "backbone": networks},
        "regularizer": {"kind": kind, "weight": WEIGHT},
        "training": {"epochs": epochs, "batch_size": of.batch},
        "search": {"seeds": SEEDS},
        "configurations": {"all": {"training": {"lr": 1e-3}}},
    }
    return json.dumps(whole)


def seconds(root: Path, written: str) -> float:
    """How long a build takes for a study, from the command to its exit."""
    with TemporaryDirectory() as folder:
        Path(folder, "study.yaml").write_text(written)
        command = [sys.executable, "-c", COMMAND, "run", "study.yaml", "--quiet"]
        environment = os.environ | {"PYTHONPATH": str(root)}
        started = time.perf_counter()
        subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - started


@contextmanager
def checked_out(ref: str) -> Iterator[Path]:
    """A folder with the code of a commit."""
    with TemporaryDirectory() as folder:
        root = Path(folder) / "tree"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(root), ref], check=True)
        yield root
        subprocess.run([*git, "remove", "--force", str(root)], check=True)


def compare(of: Workload, kind: str, roots: dict[str, Path], rounds: int, folder: Path) -> None:
    """All builds in turn, and what came of it."""
    more = 4 * of.epochs
    short, long = (study(of, kind, epochs, folder) for epochs in (1, 1 + more))
    found: dict[str, list[float]] = {name: [] for name in roots}
    for _ in range(rounds):
        for name, root in roots.items():
            once = seconds(root, short)
            found[name].append((seconds(root, long) - once) / more / SEEDS)
    least = {name: min(each) for name, each in found.items()}
    each = ", ".join(f"{name} {value:.4f}" for name, value in least.items())
    other, ours = least.values()
    print(f"{of.name}, L_{kind}, seconds per trial-epoch: {each}; {other / ours:.2f} times")


def main() -> None:
    """Compare the builds on some workloads."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("ref", metavar="REF", help="a commit to measure beside this checkout")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=", ".join(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=2, help="of which the least counts")
    given = parser.parse_args()
    with checked_out(given.ref) as other, TemporaryDirectory() as folder:
        roots = {given.ref: other, "this checkout": ROOT}
        for of in [WORKLOADS[name] for name in given.workloads or WORKLOADS]:
            of.write(Path(folder))
            for kind in of.kinds:
                compare(of, kind, roots, given.rounds, Path(folder))


if __name__ == "__main__":
    main()
