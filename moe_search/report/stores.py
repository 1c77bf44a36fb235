"""Where a study's results lie, as people are told it."""

from dataclasses import dataclass

from moe_search.credentials import without_credentials
from moe_search.spec import Study


@dataclass(frozen=True)
class Stores:
    """Where the results lie; credentials are not told."""

    optuna: str
    mlflow: str
    artifacts: str


def stores(study: Study) -> Stores:
    """The study's stores."""
    return Stores(
        without_credentials(study.optuna_url),
        without_credentials(study.mlflow_url),
        str(study.artifacts_folder),
    )


def store_facts(stores: Stores) -> list[tuple[str, str]]:
    """Line by line."""
    return list(vars(stores).items())
