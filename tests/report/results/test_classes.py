"""The champion class by class, against counting the samples of the test split one by one."""

from pathlib import Path

import pytest
import torch
from mlflow import MlflowClient
from support.finished_study import FinishedStudy

import moe_search
from moe_search.data import load
from moe_search.engine.resident import tensors
from moe_search.report.results.classes import view_classes
from moe_search.search.ledger import StudyRecord
from moe_search.search.study_store import find_study
from moe_search.spec import load_study


def test_each_class_has_its_expert_and_its_errors_their_parts(
    finished_study: FinishedStudy, one_thread: None
) -> None:
    study = load_study(Path(finished_study.file), ())
    champion = StudyRecord.of(find_study(study)).champion
    assert champion is not None
    client = MlflowClient(tracking_uri=study.mlflow_url)
    views = view_classes(client, champion.run_id)
    model = moe_search.load_model("models:/finished@champion", store=study.mlflow_url)
    data = load(study.source, test=True)
    assert data.test is not None
    test = tensors(data.test, torch.device("cpu"))
    x = test.x * torch.tensor(data.std) + torch.tensor(data.mean)  # the model normalises
    label_B = test.y
    with torch.no_grad():
        says_B = model(x).argmax(1)
        chosen_B = model.gate(x).argmax(1)
        expert_BM = model.experts(x).argmax(2)
    assert [view.name for view in views] == list(data.classes)
    for c, view in enumerate(views):
        mine = [b for b, label in enumerate(label_B.tolist()) if label == c]
        error = sum(says_B[b] != c for b in mine) / len(mine)
        alone = [
            sum(expert_BM[b, m] != c for b in mine) / len(mine) for m in range(expert_BM.shape[1])
        ]
        served = [sum(chosen_B[b] == m for b in mine) for m in range(expert_BM.shape[1])]
        assert view.samples == len(mine)
        assert view.error == pytest.approx(float(error))
        assert view.experts_part == pytest.approx(float(min(alone)))
        assert alone[view.knows] == min(alone)
        assert served[view.expert] == max(served)
        assert view.served == pytest.approx(float(max(served)) / len(mine))
