"""Where a study's results lie, as people are told it."""

import re
from dataclasses import dataclass

from moe_search.spec import Study


@dataclass(frozen=True)
class Stores:
    """Where the results lie; passwords are not shown."""

    optuna: str
    mlflow: str
    artifacts: str


def stores(study: Study) -> Stores:
    """The study's stores."""
    return Stores(shown(study.optuna_url), shown(study.mlflow_url), str(study.artifacts_folder))


def store_facts(stores: Stores) -> list[tuple[str, str]]:
    """Line by line."""
    return list(vars(stores).items())


def shown(url: str) -> str:
    """A URL without its password."""
    return re.sub(r"(://[^:/@]*):.*@", r"\1:***@", url)
