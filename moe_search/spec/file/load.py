"""Opens study.yaml, or what a program gives in its place."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from moe_search.errors import UserError
from moe_search.spec.file.content import Content
from moe_search.spec.file.explain_errors import explain
from moe_search.spec.kinds.stores import check_mlflow_url, check_optuna_url, resolved_url
from moe_search.spec.study import Study
from moe_search.words import one_line

_STORES = {
    "optuna": ("OPTUNA_STORAGE", check_optuna_url),
    "mlflow": ("MLFLOW_TRACKING_URI", check_mlflow_url),
}
"""The variable that names a store where the study does not, as Optuna's and MLflow's own do."""


def load_study(path: Path, overrides: Sequence[str] = ()) -> Study:
    """Reads and checks a study; creates nothing.

    A store that neither the file nor an override names is the one in ``OPTUNA_STORAGE`` or
    ``MLFLOW_TRACKING_URI``, where that is set.

    Args:
        path: of the YAML file; the study's relative paths start from its folder.
        overrides: assignments such as ``training.epochs=3``, later ones over earlier ones.

    Raises:
        UserError: the file, an override or a variable is wrong: one line that says where and what
            instead.
    """
    return _checked(Content.read(path), overrides, path.absolute().parent)


def check_study(content: Mapping[str, Any], overrides: Sequence[str] = ()) -> Study:
    """Checks what a study.yaml would hold; ``load_study`` says the rest.

    Args:
        content: by key, as in YAML; numbers may be numpy's, and relative paths start from the
            current folder.
        overrides: assignments such as ``training.epochs=3``, later ones over earlier ones.

    Raises:
        UserError: the content, an override or a variable is wrong.
    """
    return _checked(Content.of(content), overrides, Path.cwd())


def _checked(content: Content, overrides: Sequence[str], folder: Path) -> Study:
    for number, assignment in enumerate(overrides, 1):
        content.override(number, assignment)
    data = content.data
    storage = data.get("storage", {})
    if isinstance(storage, dict):
        data = data | {"storage": _stores_of_the_shell(storage) | storage}
    try:
        return Study.model_validate(data, context={"folder": folder})
    except ValidationError as error:
        raise explain(error, content) from None


def _stores_of_the_shell(storage: dict[str, Any]) -> dict[str, str]:
    """URLs of stores that a study does not name; a relative file starts from the current folder."""
    urls = {}
    for store, (variable, check) in _STORES.items():
        url = os.environ.get(variable)
        if url and store not in storage:
            try:
                urls[store] = resolved_url(check(url), Path.cwd())
            except ValueError as error:
                raise UserError(one_line(f"{variable}: {error}")) from None
    return urls
