"""Opens MLflow's store."""

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from moe_search.stores.checks import check_store, hushed, opening
from moe_search.stores.kinds import store_at


def open_store(url: str, create: bool) -> MlflowClient:
    """A client of one store that looks at nothing but its URL.

    Args:
        url: a database or the address of an MLflow server.
        create: make the file of an sqlite store, and its tables, if there is none.

    Raises:
        UserError: it cannot be opened.
    """
    check_store(url, "MLflow")
    store = store_at(url)
    with opening(url, "MLflow", MlflowException), hushed("alembic", "mlflow.store.db.utils"):
        if not store.exists():
            if not create:
                raise FileNotFoundError("there is no such file")
            store.create()
        with store.making_tables():
            client = MlflowClient(tracking_uri=url, registry_uri=url)
            client.search_experiments(max_results=1)
        store.opened_by_mlflow()
    return client
