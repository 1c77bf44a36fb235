"""MLflow's page of a comparison as a person sees it, in Chromium."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from support.browser import dashboards, see

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def test_mlflow_groups_the_runs_by_row(
    browser: "Browser", page: "Page", command: str, tmp_path: Path, shoot: Callable[[str], None]
) -> None:
    study = tmp_path / "study.yaml"
    study.write_text(
        """\
name: compared
data: digits
training: {epochs: 3, batch_size: 64, lr: 3.0e-3}
search: {seeds: 3, workers: 1}
configurations:
  one network: {model: {kind: single}}
  two experts: {model: {experts: 2}}
"""
    )
    done = subprocess.run([command, "run", str(study)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with dashboards(command, study) as (_, trials):
        page.goto(trials)
        names = page.get_by_role("link", name=re.compile(r"^trial-\d+ "))
        see(names)
        shoot("mlflow-comparison")
        see(page.get_by_text("Group by: moe_search.configuration"))
        rows = [name.split(" ", 1)[1] for name in names.all_inner_texts()]
    assert sorted(rows) == ["one network"] * 3 + ["two experts"] * 3
    assert len({*rows[:3]}) == len({*rows[3:]}) == 1
