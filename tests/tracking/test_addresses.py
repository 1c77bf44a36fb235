"""Where the notes' links lead."""

import pytest

from moe_search.tracking.addresses import run_page


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("sqlite:////a/mlflow.db", "http://127.0.0.1:5000/#/experiments/1/runs/r"),
        ("postgresql://me:secret@host/runs", "http://127.0.0.1:5000/#/experiments/1/runs/r"),
        ("https://me:secret@host:8/sub/", "https://host:8/sub/#/experiments/1/runs/r"),
    ],
)
def test_a_run_is_where_its_store_is_shown(url: str, page: str) -> None:
    assert run_page(url, "1", "r") == page
