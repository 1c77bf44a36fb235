"""Both dashboards of a finished study as a person sees them, in Chromium.

Each test leaves screenshots, in the folder that $MOE_SEARCH_SCREENSHOTS names if it is set.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import optuna
import pytest
from finished import FinishedStudy

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 30_000  # ms; the first page of a server takes the longest


@dataclass(frozen=True)
class Addresses:
    """Pages of both dashboards; the trial and the run are the study's best."""

    study: str
    trial: str
    trials: str
    run: str
    model: str


@pytest.fixture(scope="module")
def browser(needs: Callable[[str, bool], None]) -> Iterator["Browser"]:
    """Chromium with a new profile for each page."""
    chromium = shutil.which("chromium")
    needs("chromium", chromium is not None)
    needs("playwright", find_spec("playwright") is not None)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def kept(finished_study: FinishedStudy) -> optuna.Study:
    store = finished_study.outcome["stores"]["optuna"]
    return optuna.load_study(study_name="finished", storage=store)


# The browser comes first: where it is lacking, nothing is trained and no dashboard is started.
@pytest.fixture(scope="module")
def addresses(
    browser: "Browser", finished_study: FinishedStudy, command: str, kept: optuna.Study
) -> Iterator[Addresses]:
    """Both dashboards run, from one command."""
    local, best = ("127.0.0.1", 0), kept.best_trial
    with socket.create_server(local) as one, socket.create_server(local) as other:
        ports = [str(probe.getsockname()[1]) for probe in (one, other)]
    options = ["--optuna-port", ports[0], "--mlflow-port", ports[1]]
    with subprocess.Popen(
        [command, "dashboard", str(finished_study.file), *options],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            study, trials = (process.stdout.readline().split()[1] for _ in range(2))
            experiment = trials.partition("/runs?")[0]
            yield Addresses(
                study=study,
                trial=f"{study}/trials?numbers={best.number}",
                trials=trials,
                run=f"{experiment}/runs/{best.user_attrs['mlflow_run']}/artifacts",
                model=f"{trials.partition('#')[0]}#/models/finished",
            )
        finally:
            process.send_signal(signal.SIGINT)


@pytest.fixture
def page(browser: "Browser") -> Iterator["Page"]:
    """A first visit."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(PATIENCE)
    # MLflow's assistant takes a third of the window, until it is closed once.
    assistant = page.locator("[data-component-id='mlflow.assistant.chat_panel.close']")
    page.add_locator_handler(assistant, lambda close: close.click())
    yield page
    page.close()


@pytest.fixture
def shoot(page: "Page", tmp_path: Path) -> Callable[[str], None]:
    folder = Path(os.environ.get("MOE_SEARCH_SCREENSHOTS") or tmp_path)

    def shoot(name: str) -> None:
        page.screenshot(path=folder / f"{name}.png")

    return shoot


def see(shown: "Locator") -> None:
    """Wait until the first of what is looked for shows."""
    from playwright.sync_api import expect

    expect(shown.first).to_be_visible(timeout=PATIENCE)


def see_picture(picture: "Locator") -> None:
    """Wait until an image has been loaded and could be read."""
    see(picture)
    picture.first.evaluate("image => image.decode()")
    assert picture.first.evaluate("image => image.naturalWidth") > 0


def test_optuna_shows_the_study(
    page: "Page", addresses: Addresses, shoot: Callable[[str], None]
) -> None:
    page.goto(addresses.study)
    see(page.get_by_text("finished (id="))
    points = page.locator("#plot-history .scatterlayer .point")
    see(points)
    assert points.count() == 12
    shoot("optuna-study")


def test_optuna_shows_a_trial_with_its_note_and_pictures(
    page: "Page", addresses: Addresses, shoot: Callable[[str], None]
) -> None:
    page.goto(addresses.trial)
    see(page.get_by_text("sample_entropy"))
    see(page.get_by_text("MLflow run"))
    shoot("optuna-trial")
    for name in ("class_by_expert.png", "usage_per_epoch.png"):
        see_picture(page.get_by_role("img", name=name))
    page.get_by_role("img", name="class_by_expert.png").scroll_into_view_if_needed()
    shoot("optuna-trial-pictures")


def test_mlflow_lists_the_trials_by_name_the_best_first(
    page: "Page", addresses: Addresses, kept: optuna.Study, shoot: Callable[[str], None]
) -> None:
    page.goto(addresses.trials)
    names = page.get_by_role("link", name=re.compile(r"^trial-\d+ "))
    see(names)
    shoot("mlflow-trials")
    numbers = [int(name.split()[0].removeprefix("trial-")) for name in names.all_inner_texts()]
    best_first = sorted(kept.trials, key=lambda trial: trial.values, reverse=True)
    assert numbers == [trial.number for trial in best_first]


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
    shoot("mlflow-model")


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
