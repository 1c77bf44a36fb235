"""Which model of a study is meant."""

from pathlib import Path

import pytest
from optuna.trial import TrialState, create_trial
from support.study_runs import study_in

from moe_search.errors import UserError
from moe_search.models.pull import find
from moe_search.search.ledger import TrialRecord
from moe_search.search.study_store import open_study
from moe_search.stores.optuna import open_storage


def test_a_pruned_trial_has_a_model_and_a_failed_one_none(study_folder: Path) -> None:
    (study_folder / "study.yaml").write_text("{name: tiny, data: digits}")
    optuna_study = open_study(study := study_in(study_folder), open_storage(study.optuna_url))
    pruned = TrialRecord(model="models:/m-1", reason="hyperband at epoch 1").attributes()
    optuna_study.add_trial(create_trial(state=TrialState.PRUNED, user_attrs=pruned))
    optuna_study.add_trial(create_trial(state=TrialState.FAIL))
    source = str(study_folder / "study.yaml")
    assert find(source, (), 0, None).uri == "models:/m-1"
    with pytest.raises(UserError, match=r"^--trial 1: failed; a complete or pruned trial has"):
        find(source, (), 1, None)
    with pytest.raises(UserError, match=r"^--trial 2: is not in study 'tiny'; "):
        find(source, (), 2, None)
