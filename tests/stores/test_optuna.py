"""Optuna's store."""

from pathlib import Path

from moe_search.stores.optuna import open_storage


def test_a_store_in_a_new_folder_is_made(tmp_path: Path) -> None:
    file = tmp_path / "results" / "trials.db"
    storage = open_storage(f"sqlite:///{file}")
    assert storage.get_all_studies() == []
    assert file.exists()
