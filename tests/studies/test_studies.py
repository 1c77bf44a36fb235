"""Every shipped study from its first trial to its champion, shortened."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from support.shipped_studies import AFTER, PAPER, SEARCHES, STUDIES
from support.study_runs import check_ledger, runs, trials

import moe_search
from moe_search.spec import load_study

DATA = {
    "mnist": "mnist_root",
    "fashion_mnist": "fashion_mnist_root",
    "cifar100": "cifar100_root",
}
"""The fixtures of the data that does not come with a package."""

SHORTENED = (
    "data.limit=200",
    "data.validation=200",
    "training.epochs=1",
    "search.trials=3",
    "search.workers=1",
    "finalists.top=1",
)


MORE = {
    "cifar100": ("model.experts=2",),
    "wine": ("data.limit=100", "data.validation=30"),
}
"""What is other of one study."""


def test_every_study_that_is_committed_is_listed(needs: Callable[[str, bool], None]) -> None:
    command = ["git", "ls-files", "*.yaml"]
    done = subprocess.run(command, cwd=STUDIES, capture_output=True, text=True, check=False)
    needs("a git checkout", done.returncode == 0)
    assert {STUDIES / name for name in done.stdout.split()} == {*SEARCHES, *PAPER, *AFTER}


def test_the_studies_of_what_came_after_are_what_their_script_writes(tmp_path: Path) -> None:
    script = AFTER[0].parent / "write.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True)
    for study in AFTER:
        assert (tmp_path / study.name).read_text() == study.read_text()
    rows = load_study(tmp_path / "table.yaml").configurations
    assert {"single", "attentive + similarity 0.1", "noisy top-2 + load 1"} <= rows.keys()
    assert "attentive + load 1" not in rows, "it has no meaning there"


@pytest.mark.parametrize("shipped", SEARCHES, ids=lambda file: file.stem)
def test_a_shipped_study(shipped: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    # the networks for CIFAR-100 take long for the 10,000 images of its test split
    seeds = 1 if shipped.stem == "cifar100" else 2
    overrides = [*SHORTENED, f"finalists.seeds={seeds}"]
    overrides += MORE.get(shipped.stem, ())
    if fixture := DATA.get(shipped.stem):
        overrides.append(f"data.root={request.getfixturevalue(fixture)}")
    file = Path(shutil.copy(shipped, tmp_path))
    outcome = moe_search.run(file, overrides)

    study = load_study(file, overrides)
    assert outcome.reason == "all trials are done"
    assert outcome.study == study.name == shipped.stem
    assert len(trials(study)) == 3
    check_ledger(study)
    (finalist,) = outcome.finalists
    assert outcome.best[0].trial == finalist.trial
    assert len(runs(study, "finalist")) == finalist.seeds == seeds
    model = moe_search.load_model(f"models:/{study.name}@champion", store=study.mlflow_url)
    probabilities = model(torch.rand(2, *model.mixtures.architecture.shape))
    assert probabilities.shape == (2, len(model.labels))
    assert probabilities.sum(1).tolist() == pytest.approx([1, 1])
    beside = {path.name for path in tmp_path.iterdir()}
    assert beside >= {shipped.name, f"{shipped.stem}.db", "mlflow.db", "artifacts"}
