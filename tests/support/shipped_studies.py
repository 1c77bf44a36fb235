"""The studies the project ships, by name: a run leaves stores, models and more YAML beside them."""

import shutil
from pathlib import Path

STUDIES = Path(__file__).parents[2] / "studies"

SEARCHES = [
    STUDIES / f"{name}.yaml"
    for name in ("breast_cancer", "cifar100", "digits", "fashion_mnist", "mnist", "wine")
]

PAPER = [
    STUDIES / "paper" / f"{name}.yaml"
    for name in (
        *("cifar100", "failure", "fashion_mnist", "fashion_recipe", "found_fashion_mnist"),
        *("found_mnist", "mnist", "mnist_100", "options", "precision", "preliminary"),
        *("search_fashion_mnist", "search_mnist"),
    )
]

AFTER = [
    STUDIES / "after_the_paper" / f"{name}.yaml" for name in ("fashion_mnist", "mnist", "table")
]

REPORTS = [path.with_name(f"paper-{path.stem.replace('_', '-')}.md") for path in PAPER]
"""The report of each."""


def copy_studies(folder: Path) -> Path:
    """Every shipped study in a new folder, and the folder: what runs there leaves nothing here."""
    for study in [*SEARCHES, *PAPER, *AFTER]:
        target = folder / study.relative_to(STUDIES)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(study, target)
    return folder
