"""Where a browser finds a study's pages; imports nothing heavy, for the command line needs it."""

from urllib.parse import urlsplit

HOST = "127.0.0.1"
OPTUNA_PORT, MLFLOW_PORT = 8080, 5000
"""Where ``moe-search dashboard`` listens unless it is told otherwise."""


def run_page(mlflow_url: str, experiment_id: str, run_id: str) -> str:
    """The page of a run: on the MLflow server, or else in what ``moe-search dashboard`` shows.

    Credentials in the server's URL are left out.
    """
    from moe_search.spec.kinds.stores import store_kind

    root = f"http://{HOST}:{MLFLOW_PORT}"
    if store_kind(mlflow_url).is_mlflow:
        parts = urlsplit(mlflow_url)
        root = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
    return f"{root}/#/experiments/{experiment_id}/runs/{run_id}"
