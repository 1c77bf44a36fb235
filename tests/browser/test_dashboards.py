"""Both dashboards of a finished study as a person sees them, in Chromium."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import optuna
import pytest
from mlflow import MlflowClient
from support.browser import dashboards, see, see_picture
from support.finished_study import FinishedStudy

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@dataclass(frozen=True)
class Addresses:
    """Pages of both dashboards; the trial and the run are the study's best."""

    study: str
    trial: str
    trials: str
    run: str
    parent: str
    model: str


@pytest.fixture(scope="module")
def kept(finished_study: FinishedStudy) -> optuna.Study:
    store = finished_study.outcome["stores"]["optuna"]
    return optuna.load_study(study_name="finished", storage=store)


# The browser comes first: where it is lacking, nothing is trained and no dashboard is started.
@pytest.fixture(scope="module")
def addresses(
    browser: "Browser", finished_study: FinishedStudy, command: str, kept: optuna.Study
) -> Iterator[Addresses]:
    best = kept.best_trial
    with dashboards(command, finished_study.file) as (study, trials):
        experiment = trials.partition("/runs?")[0]
        client = MlflowClient(finished_study.outcome["stores"]["mlflow"])
        run = client.get_run(best.user_attrs["mlflow_run"])
        parent = run.data.tags["mlflow.parentRunId"]
        yield Addresses(
            study=study,
            trial=f"{study}/trials?numbers={best.number}",
            trials=trials,
            run=f"{experiment}/runs/{best.user_attrs['mlflow_run']}/artifacts",
            parent=f"{experiment}/runs/{parent}",
            model=f"{trials.partition('#')[0]}#/models/finished",
        )


def test_optuna_shows_the_study(
    page: "Page", addresses: Addresses, shoot: Callable[[str], None]
) -> None:
    page.goto(addresses.study)
    see(page.get_by_text("finished (id="))
    points = page.locator("#plot-history .scatterlayer .point")
    see(points)
    assert points.count() == 12
    shoot("optuna-study")


def test_optuna_shows_the_front_and_the_atlas(
    page: "Page", addresses: Addresses, shoot: Callable[[str], None]
) -> None:
    page.goto(addresses.study)
    front = page.get_by_text("Accuracy against sample entropy")
    see(front)
    front.first.scroll_into_view_if_needed()
    see(page.get_by_text("on the front"))
    shoot("optuna-front")
    atlas = page.get_by_text("Decomposition atlas")
    see(atlas)
    atlas.first.scroll_into_view_if_needed()
    see(page.locator(".layer-above image, .layer-below image"))
    shoot("optuna-atlas")


def test_optuna_shows_a_trial_with_its_note_and_pictures(
    page: "Page", addresses: Addresses, shoot: Callable[[str], None]
) -> None:
    page.goto(addresses.trial)
    see(page.get_by_text("sample_entropy"))
    link = page.get_by_role("link", name="MLflow run")
    see(link)
    assert "/#/experiments/" in (link.get_attribute("href") or "")
    shoot("optuna-trial")
    for name in ("class_by_expert.png", "usage_per_epoch.png"):
        see_picture(page.get_by_role("img", name=name))
    page.get_by_role("img", name="class_by_expert.png").scroll_into_view_if_needed()
    shoot("optuna-trial-pictures")


def test_mlflow_groups_the_trials_the_best_first(
    page: "Page", addresses: Addresses, kept: optuna.Study, shoot: Callable[[str], None]
) -> None:
    page.goto(addresses.trials)
    names = page.get_by_role("link", name=re.compile(r"^trial-\d+ "))
    see(names)
    for name in ("accuracy", "H_s", "H_u", "I_E_Y", "objective"):
        see(page.get_by_role("columnheader", name=name, exact=True))
    rounded = f"{round(kept.best_trial.values[0], 4)}"
    see(page.get_by_role("gridcell", name=rounded, exact=True))
    see(page.get_by_text("Group by: regularizer.kind"))
    shoot("mlflow-trials")
    numbers = [int(name.split()[0].removeprefix("trial-")) for name in names.all_inner_texts()]
    groups: dict[str, list[optuna.trial.FrozenTrial]] = {}
    for trial in sorted(kept.trials, key=lambda trial: trial.values, reverse=True):
        groups.setdefault(trial.params["regularizer.kind"], []).append(trial)
    by_mean = sorted(
        groups.values(), key=lambda trials: fmean(one.values[0] for one in trials), reverse=True
    )
    assert len(by_mean) == 2
    assert numbers == [trial.number for trials in by_mean for trial in trials]


def test_mlflow_shows_the_decomposition_of_a_run(
    page: "Page", addresses: Addresses, shoot: Callable[[str], None]
) -> None:
    page.goto(addresses.run)
    page.get_by_text("decomposition", exact=True).click()
    page.get_by_text("class_by_expert.png", exact=True).click()
    see_picture(page.get_by_role("img", name="decomposition/class_by_expert.png"))
    shoot("mlflow-run")


def test_mlflow_shows_the_champion(
    page: "Page", addresses: Addresses, shoot: Callable[[str], None]
) -> None:
    page.goto(addresses.model)
    see(page.get_by_text("Version 1"))
    see(page.get_by_text("champion"))
    see(page.get_by_text("Which expert serves which class"))
    shoot("mlflow-model")


def test_mlflow_shows_the_summary_and_the_page_of_the_study(
    page: "Page", addresses: Addresses, shoot: Callable[[str], None]
) -> None:
    page.goto(addresses.parent)
    see(page.get_by_text("12 of 12 trials"))
    shoot("mlflow-study")
    page.goto(f"{addresses.parent}/artifacts")
    page.get_by_text("report", exact=True).click()
    page.get_by_text("report.html", exact=True).click()
    see(page.frame_locator("iframe").get_by_role("heading", name="What was found"))
    shoot("mlflow-report")


def test_no_page_asks_for_anything_outside_this_machine(page: "Page", addresses: Addresses) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for address, shown in (
        (addresses.study, "Hyperparameter Importance"),
        (addresses.trial, "class_by_expert.png"),
        (addresses.trials, "matching runs"),
        (addresses.run, "decomposition"),
        (addresses.model, "champion"),
    ):
        page.goto(address)
        see(page.get_by_text(shown))
    fetched = [url for url in map(urlsplit, asked) if url.scheme not in {"data", "blob"}]
    assert {url.hostname for url in fetched} == {"127.0.0.1"}
