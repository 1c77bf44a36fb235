"""moe-search: hyperparameter search for Mixture-of-Experts classifiers.

From Python::

    outcome = moe_search.run("studies/digits.yaml")
    model = moe_search.load_model(outcome.champion, store=outcome.stores.mlflow)
"""

import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moe_search.errors import UserError

if TYPE_CHECKING:  # importing moe_search stays light
    from moe_search.package.classifier import Classifier
    from moe_search.report.outcome import Outcome
    from moe_search.spec import Study

__all__ = ["Study", "UserError", "load_model", "run"]


def run(
    study: "str | Path | Mapping[str, Any] | Study",
    overrides: Sequence[str] = (),
    progress: bool | None = None,
) -> "Outcome":
    """Run a study from where it stands to its champion.

    Args:
        study: path of a study.yaml; or its content, and then numbers may be numpy's and relative
            paths start from the current folder; or a study that is checked already.
        overrides: assignments such as ``training.epochs=3``, to a path or content.
        progress: whether to show on stderr how it goes; None does so in a terminal or a notebook.

    Raises:
        UserError: the study, its data or a store is not fit.
    """
    checked = _checked(study, overrides)  # before what takes seconds to import

    from rich.console import Console

    from moe_search.cli import terminal

    console = Console(file=sys.stderr)
    watched = console.is_terminal or console.is_jupyter
    console.quiet = not (watched if progress is None else progress)
    with terminal.progress(console) as listener:
        from moe_search.data import Reader
        from moe_search.report.publish import run_and_publish

        with closing(Reader()) as read:
            return run_and_publish(checked, listener, read)


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


def _checked(study: "str | Path | Mapping[str, Any] | Study", overrides: Sequence[str]) -> "Study":
    from moe_search.spec import Study, check_study, load_study

    if isinstance(study, Mapping):
        return check_study(study, overrides)
    if not isinstance(study, Study):
        return load_study(Path(study), overrides)
    if overrides:
        raise UserError(f"overrides {', '.join(overrides)}: change a path or content, not a Study")
    return study


if not TYPE_CHECKING:  # for a type checker, Study is imported above

    def __getattr__(name: str) -> Any:
        if name == "Study":
            from moe_search.spec import Study

            return Study
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
