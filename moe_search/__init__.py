"""moe-search: hyperparameter search for Mixture-of-Experts classifiers.

From Python::

    outcome = moe_search.run("studies/digits.yaml")
    model = moe_search.load_model(outcome.champion, store=outcome.stores.mlflow)
"""

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # importing moe_search stays light
    from moe_search.package.classifier import Classifier
    from moe_search.report.results.outcome import Outcome
    from moe_search.spec import Study

__all__ = ["load_model", "run"]


def run(
    study: str | Path | Mapping[str, Any], overrides: Sequence[str] = (), progress: bool = False
) -> "Outcome":
    """Run a study from where it stands to its champion.

    Args:
        study: path of a study.yaml, or its content; then relative paths start from the current
            folder.
        overrides: assignments such as ``training.epochs=3``.
        progress: show on stderr how it goes.

    Raises:
        UserError: the study, its data or a store is not fit.
    """
    checked = _checked(study, overrides)  # before what takes seconds to import

    from rich.console import Console

    from moe_search.cli import terminal

    with terminal.progress(Console(file=sys.stderr, quiet=not progress)) as listener:
        from moe_search.report.publish import run_and_publish

        return run_and_publish(checked, listener)


def load_model(model: str | Path, store: str | None = None) -> "Classifier":
    """Open a trained model: calling it gives class probabilities, ``gate`` and ``experts`` theirs.

    Args:
        model: models:/NAME@champion, models:/NAME/VERSION, models:/m-ID, runs:/RUN_ID, or a pulled
            folder.
        store: URL of MLflow's store; by default $MLFLOW_TRACKING_URI. A folder needs none.

    Raises:
        UserError: there is no such model, or it is damaged.
    """
    from moe_search.tracking.fetch import load_model as load

    return load(model, store)


def _checked(study: str | Path | Mapping[str, Any], overrides: Sequence[str]) -> "Study":
    from moe_search.errors import UserError
    from moe_search.spec import Study, load_study

    if not isinstance(study, Mapping):
        return load_study(Path(study), overrides)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "study.yaml")
        file.write_text(json.dumps(study, default=str))  # JSON is YAML
        try:
            checked = load_study(file, overrides)
        except UserError as error:
            raise UserError(str(error).removeprefix(f"{file}:1: ")) from None
    here = {"folder": Path.cwd()}
    return Study.model_validate(checked.model_dump(exclude_unset=True), context=here)
