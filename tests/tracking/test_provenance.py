"""Asking for the commit of a folder starts nothing that its repository's settings name."""

import subprocess
from pathlib import Path

from moe_search.tracking.provenance import provenance


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_a_program_that_watches_the_files_is_not_started(tmp_path: Path) -> None:
    repository, mark = tmp_path / "repository", tmp_path / "started"
    repository.mkdir()
    git(repository, "init", "--quiet")
    (repository / "study.yaml").write_text("name: x\n")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message", "a study")
    commit = git(repository, "rev-parse", "HEAD")
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch '{mark}'\n")
    program.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(program))
    assert provenance(repository)["commit"] == commit
    (repository / "study.yaml").write_text("name: y\n")
    assert provenance(repository)["commit"] == f"{commit} with changes"
    assert not mark.exists()
