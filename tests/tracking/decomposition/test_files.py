import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from support.random_decompositions import draw_decomposition, draw_usage

from moe_search.moe.decomposition import Decomposition
from moe_search.tracking.decomposition.files import decomposition_files
from moe_search.tracking.decomposition.model_view import ModelView

AWKWARD = ["plain", "a, b", 'say "c"', "two\nlines", "Žluťoučký"]


def files(decomposition: Decomposition, classes: list[str], epochs: int = 3) -> dict[str, bytes]:
    usage_EM = draw_usage(epochs, decomposition.soft_CM.shape[1])
    return decomposition_files(ModelView(decomposition, classes, usage_EM, "trial 7"))


def rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


def test_files_of_a_trial() -> None:
    assert set(files(draw_decomposition(3, 2), ["a", "b", "c"])) == {
        "class_by_expert_hard.csv",
        "class_by_expert_soft.csv",
        "expert_confusion.csv",
        "model_confusion.csv",
        "usage_per_epoch.csv",
        "summary.json",
        "class_by_expert.png",
        "usage_per_epoch.png",
        "expert_confusion.png",
    }


@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_class_by_expert_holds_the_table_to_the_last_digit(kind: str) -> None:
    one = draw_decomposition(len(AWKWARD), 3)
    header, *body = rows(files(one, AWKWARD)[f"class_by_expert_{kind}.csv"])
    assert header == ["class", "expert_0", "expert_1", "expert_2"]
    assert [row[0] for row in body] == AWKWARD
    table_CM = one.hard_CM if kind == "hard" else one.soft_CM
    np.testing.assert_array_equal(np.array([row[1:] for row in body], dtype=float), table_CM)


def test_hard_counts_are_written_as_whole_numbers() -> None:
    one = draw_decomposition(2, 2)
    _, first, _ = rows(files(one, ["a", "b"])["class_by_expert_hard.csv"])
    assert first[1:] == [str(int(count)) for count in one.hard_CM[0]]


def test_expert_confusion_holds_each_experts_table() -> None:
    one = draw_decomposition(len(AWKWARD), 3)
    header, *body = rows(files(one, AWKWARD)["expert_confusion.csv"])
    assert header == ["expert", "class", *(f"predicted_{name}" for name in AWKWARD)]
    assert [row[:2] for row in body] == [[str(m), name] for m in range(3) for name in AWKWARD]
    table = np.array([row[2:] for row in body], dtype=float)
    np.testing.assert_array_equal(table.reshape(one.confusion_MCK.shape), one.confusion_MCK)


def test_usage_is_written_for_each_epoch_from_1() -> None:
    usage_EM = draw_usage(4, 3, seed=5)
    written = decomposition_files(
        ModelView(draw_decomposition(2, 3), ["a", "b"], usage_EM, "trial 7")
    )
    header, *body = rows(written["usage_per_epoch.csv"])
    assert header == ["epoch", "expert_0", "expert_1", "expert_2"]
    assert [row[0] for row in body] == ["1", "2", "3", "4"]
    np.testing.assert_array_equal(np.array([row[1:] for row in body], dtype=float), usage_EM)


def test_summary_holds_the_metrics_and_what_each_expert_does() -> None:
    hard_CM = np.array([[5.0, 0, 1], [2, 0, 7]])
    one = replace(draw_decomposition(2, 3), hard_CM=hard_CM)
    summary = json.loads(files(one, ["cat", "dog"])["summary.json"])
    assert summary["metrics"] == one.metrics()
    experts = summary["experts"]
    assert [expert["usage"] for expert in experts] == one.usage_M.tolist()
    assert [expert["samples"] for expert in experts] == [7, 0, 8]
    assert [expert["serves_most"] for expert in experts] == ["cat", None, "dog"]


def test_same_input_gives_the_same_bytes() -> None:
    assert files(draw_decomposition(5, 4), AWKWARD) == files(draw_decomposition(5, 4), AWKWARD)


@pytest.mark.parametrize(("classes", "experts", "epochs"), [(2, 1, 1), (100, 20, 5)])
def test_smallest_and_large_models(classes: int, experts: int, epochs: int) -> None:
    one = draw_decomposition(classes, experts)
    written = files(one, [f"class {c}" for c in range(classes)], epochs)
    assert len(rows(written["expert_confusion.csv"])) == 1 + experts * classes


def test_class_and_expert_without_samples() -> None:
    one = draw_decomposition(3, 3)
    one.soft_CM[1], one.hard_CM[1], one.confusion_MCK[:, 1], one.model_CK[1] = 0, 0, 0, 0
    one.soft_CM[:, 2], one.hard_CM[:, 2], one.chosen_MK[2] = 0, 0, 0
    written = files(one, ["a", "b", "c"])
    assert rows(written["class_by_expert_hard.csv"])[2] == ["b", "0", "0", "0"]
    assert json.loads(written["summary.json"])["experts"][2]["usage"] == 0


def test_a_metric_that_json_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        files(replace(draw_decomposition(2, 2), loss=float("nan")), ["a", "b"])


def test_class_names_that_do_not_match_the_tables_are_refused() -> None:
    with pytest.raises(ValueError, match=r"zip|reshape"):
        files(draw_decomposition(3, 2), ["a", "b"])
