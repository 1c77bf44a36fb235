"""What a run keeps is read back as it was, from a real store."""

import numpy as np
import pytest
from mlflow import MlflowClient
from support.trained_models import CLASSES

from moe_search.engine.trial import TrialResult
from moe_search.errors import UserError
from moe_search.tracking.decomposition.read import read_classes, read_confusions, read_file
from moe_search.tracking.runs import Tracker


def test_tables_come_back_as_they_were(
    tracker: Tracker, client: MlflowClient, finalist: TrialResult
) -> None:
    run_id = tracker.log_finalist(1, 17, finalist, [0.9]).run_id
    kept = finalist.test
    assert kept is not None
    for name, table in (
        ("class_by_expert_hard.csv", kept.hard_CM),
        ("class_by_expert_soft.csv", kept.soft_CM),
        ("model_confusion.csv", kept.model_CK),
    ):
        found = read_classes(client, run_id, name)
        assert found.classes == CLASSES
        np.testing.assert_array_equal(found.table_CN, table)
    np.testing.assert_array_equal(read_confusions(client, run_id), kept.confusion_MCK)


def test_a_file_that_is_not_there_is_told_in_one_line(
    tracker: Tracker, client: MlflowClient
) -> None:
    with pytest.raises(UserError, match=r"has no decomposition/model_confusion\.csv") as raised:
        read_file(client, tracker.parent_id, "model_confusion.csv")
    assert "\n" not in str(raised.value)
