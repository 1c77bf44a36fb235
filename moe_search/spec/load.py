"""Opens study.yaml."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from moe_search.spec.document import Document
from moe_search.spec.mistakes import explain
from moe_search.spec.study import Study


def load_study(path: Path, overrides: Sequence[str] = ()) -> Study:
    """Reads and checks a study; creates nothing.

    Args:
        path: of the YAML file; the study's relative paths start from its folder.
        overrides: assignments such as ``training.epochs=3``, later ones over earlier ones.

    Raises:
        UserError: the file or an override is wrong: one line that says where and what instead.
    """
    document = Document(path)
    for number, assignment in enumerate(overrides, 1):
        document.override(number, assignment)
    try:
        return Study.model_validate(document.data, context={"folder": path.absolute().parent})
    except ValidationError as error:
        raise explain(error, document) from None
