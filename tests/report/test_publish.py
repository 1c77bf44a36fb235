"""What a finished study shows in both dashboards, read back from their real stores."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from optuna.trial import Trial
from optuna_dashboard import get_note
from optuna_dashboard._custom_plot_data import get_plotly_graph_objects
from PIL import Image
from support.finished_study import FinishedStudy

from moe_search.report.charts.optuna.decisions import plots as decided_plots
from moe_search.report.dashboards import publish
from moe_search.report.page import Picture
from moe_search.report.pages.search import SEARCH
from moe_search.report.results.decisions import Decisions, Racer
from moe_search.report.results.study import read_report
from moe_search.report.results.trials import complete, front, trial_points
from moe_search.report.text.table import Table
from moe_search.search.study_store import find_study
from moe_search.spec import Study, load_study


@pytest.fixture(scope="module")
def study(finished_study: FinishedStudy) -> Study:
    return load_study(finished_study.file, ())


@pytest.fixture(scope="module")
def client(study: Study) -> MlflowClient:
    return MlflowClient(tracking_uri=study.mlflow_url, registry_uri=study.mlflow_url)


def plots(study: Study) -> dict[str, Any]:
    kept = find_study(study)
    attributes = kept._storage.get_study_system_attrs(kept._study_id)
    return {name: json.loads(text) for name, text in get_plotly_graph_objects(attributes).items()}


def parent(client: MlflowClient, study: Study) -> Any:
    experiment = client.get_experiment_by_name(study.name)
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id], "tags.`moe_search.kind` = 'study'")
    return run


def test_optuna_shows_the_front_of_all_complete_trials(study: Study) -> None:
    every = trial_points(find_study(study))
    others, best = plots(study)["accuracy-sample-entropy"]["data"]
    assert best["x"] == [point.sample_entropy for point in front(complete(every))]
    assert best["y"] == [point.accuracy for point in front(complete(every))]
    assert len(others["x"]) + len(best["x"]) == len(every) == 12


def test_optuna_shows_the_atlas_as_it_is_drawn_everywhere(study: Study) -> None:
    (image,) = plots(study)["decomposition-atlas"]["layout"]["images"]
    png = base64.b64decode(image["source"].removeprefix("data:image/png;base64,"))
    assert Image.open(io.BytesIO(png)).size == (720, 480)


def test_optuna_shows_the_importances_of_the_report(study: Study) -> None:
    report = read_report(study, find_study(study))
    assert report.importances is not None
    (bars,) = plots(study)["importances"]["data"]
    shown = dict(zip(bars["y"], bars["x"], strict=True))
    assert shown == report.importances.shares["objective"]


def test_optuna_shows_what_was_believed_as_the_report_does(study: Study) -> None:
    report = read_report(study, find_study(study))
    decided, shown = report.decisions, plots(study)["incumbent"]["data"]
    line = next(one for one in shown if "believed" in one.get("name", ""))
    assert line["y"][:-1] == [one.mean for one in decided.incumbents]
    assert line["x"][:-1] == [one.after for one in decided.incumbents] == [7, 8, 9, 10, 11]
    assert report.fresh is not None
    assert shown[-1]["y"] == [report.fresh.value]


def test_the_race_is_shown_where_there_was_one(study: Study) -> None:
    report = read_report(study, find_study(study))
    believed = (None, (0.9, 0.01), (0.8, 0.01)), ((0.7, 0.02), (0.7, 0.02), (0.7, 0.02))
    leads = Racer(8, (8, 10), (10,), (0.9, 0.01), believed[0], 0.0, None, feasible=True)
    out = Racer(2, (2, 9), (9,), (0.7, 0.02), believed[1], 0.1, (10, 0.2), feasible=True)
    kind = next(kind for kind in SEARCH if kind.heading == "The race")
    vars(report)["decisions"] = Decisions()
    assert kind.of(report) is None
    assert not decided_plots(report)
    vars(report)["decisions"] = Decisions((), (9, 10), (leads, out))
    section, raced = kind.of(report), decided_plots(report)["race"]
    assert section is not None
    (picture, table) = section.parts
    assert isinstance(picture, Picture)
    assert picture.name == "finished-race"
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == ["8", "2"]
    first, second = raced["data"]
    assert (first["name"], first["x"], first["y"]) == ("trial 8", ("trial 10", "end"), (0.9, 0.8))
    assert first["marker"]["symbol"] == ("diamond", "diamond-open")
    assert "dropped" not in first["hovertemplate"]
    assert second["hovertemplate"].endswith("dropped at trial 10, 0.2000 behind")
    assert second["marker"]["symbol"] == ("circle", "circle-open", "circle-open")


def test_optunas_notes_say_how_the_study_was_made_and_lead_to_the_runs(study: Study) -> None:
    kept = find_study(study)
    assert "Made by `moe-search run STUDY.yaml` with moe-search " in get_note(kept)
    trial = kept.trials[0]
    assert f"/runs/{trial.user_attrs['mlflow_run']})" in get_note(Trial(kept, trial._trial_id))


def test_the_parent_run_carries_the_summary_and_the_page(
    study: Study, client: MlflowClient, finished_study: FinishedStudy, tmp_path: Path
) -> None:
    run = parent(client, study)
    note = run.data.tags["mlflow.note.content"]
    assert note.startswith("12 of 12 trials")
    assert "**Finalists (" in note
    assert f"| champion | {finished_study.outcome['finalists'][0]['trial']} |" in note
    names = {Path(file.path).name for file in client.list_artifacts(run.info.run_id, "report")}
    assert {"report.html", "finished-front.svg", "finished-atlas.png"} <= names
    page = client.download_artifacts(run.info.run_id, "report/report.html", str(tmp_path))
    assert "<h1>Study finished</h1>" in Path(page).read_text()


def test_the_models_card_says_what_it_is_and_how_to_load_it(
    study: Study, client: MlflowClient, finished_study: FinishedStudy
) -> None:
    card = client.get_registered_model(study.name).description
    error = finished_study.outcome["finalists"][0]["test"]["error"]
    assert f"| error | {error['mean']:.4f} ± {error['deviation']:.4f} |" in card
    samples = "samples: training 1,150, validation 288, test 359"
    assert f"Data: digits; seed 0; {samples}; classes: 10: 0, 1, 2" in card
    assert "mlflow.pyfunc.load_model('models:/finished@champion')" in card
    served = [line for line in card.splitlines() if line.startswith("| ") and line[2].isdigit()]
    assert sum(line.count("%") for line in served) == 10, "each digit has its expert"


def test_publishing_again_changes_nothing(study: Study, client: MlflowClient) -> None:
    before = plots(study), parent(client, study).data.tags
    publish(study)
    assert (plots(study), parent(client, study).data.tags) == before
