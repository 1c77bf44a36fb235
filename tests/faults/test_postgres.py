"""PostgreSQL that goes away while a study runs: it waits, or ends in one line and goes on."""

import random
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from optuna.trial import TrialState
from support.fake_workers import decomposition
from support.servers import Postgres
from support.study_runs import check_finished, run, study_in, trials

from moe_search.engine.trial import TrialSpec
from moe_search.errors import UserError
from moe_search.moe.decomposition import Decomposition
from moe_search.spec import Study

LEAVES = 2  # the trial in which the server goes away
NUMBERS = count()


@pytest.fixture
def study(postgres: Postgres, tmp_path: Path) -> Iterator[Study]:
    """Both of its stores lie in new databases."""
    number = next(NUMBERS)
    stores = {name: postgres.create(f"away-{name}-{number}") for name in ("optuna", "mlflow")}
    yield study_in(tmp_path, storage=stores, finalists={"top": 1, "seeds": 1})
    if not postgres.answers():
        postgres.start()


def train(spec: TrialSpec, epoch: int) -> Decomposition:
    return decomposition(5, 0.5 + 0.1 * spec.configuration.model.temperature)


def with_trials(study: Study, trials: int) -> Study:
    search = study.search.model_copy(update={"trials": trials})
    return study.model_copy(update={"search": search})


@pytest.fixture
def away(request: pytest.FixtureRequest) -> float:
    """Seconds for which the server is away."""
    return 30.0 if request.config.getoption("--faults") == "full" else 1.5


def test_a_run_waits_for_a_database_that_comes_back(
    postgres: Postgres, study: Study, away: float
) -> None:
    back = threading.Timer(away, postgres.start)

    def leave(spec: TrialSpec, epoch: int) -> Decomposition:
        if spec.key == LEAVES and not back.ident:
            postgres.stop()
            back.start()
        return train(spec, epoch)

    run(study, leave)
    back.join()
    check_finished(study)
    assert len(trials(study)) == 4


def test_a_run_ends_in_one_line_where_it_does_not_and_the_same_run_goes_on(
    postgres: Postgres, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(spec: TrialSpec, epoch: int) -> Decomposition:
        if spec.key == LEAVES:
            postgres.stop()
        return train(spec, epoch)

    with monkeypatch.context() as patch:
        patch.setattr("moe_search.stores.kinds.server.PATIENCE", 2.0)
        with pytest.raises(UserError) as caught:
            run(study, leave)
    message = str(caught.value)
    assert message.startswith("postgresql://***@127.0.0.1:")
    assert "'s store failed: connection failed: " in message
    assert message.endswith("Connection refused; once it is mended, the same command goes on")
    postgres.start()
    assert trials(study, TrialState.RUNNING)
    run(study, train)
    check_finished(study)


@pytest.fixture
def restarts(request: pytest.FixtureRequest) -> int:
    """How often the server goes away."""
    return 40 if request.config.getoption("--faults") == "full" else 2


def test_it_may_go_away_at_any_moment(
    postgres: Postgres, tmp_path: Path, study: Study, restarts: int
) -> None:
    drawn = random.Random(0)
    ended = []
    for number in range(1, restarts + 1):
        wanted = with_trials(study, 3 * number)
        restart = threading.Timer(drawn.uniform(0.2, 2.0), postgres.restart)
        restart.start()
        try:
            run(wanted, train)
        except UserError as error:
            ended.append(str(error))
        restart.join()
        run(wanted, train)
        check_finished(wanted)
    assert all(message.isprintable() for message in ended)
