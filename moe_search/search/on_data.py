"""Runs a study whose data is read and whose workers are joined, to its champion."""

import time
from functools import cache, partial

from optuna.exceptions import StorageInternalError
from optuna_dashboard import save_note

from moe_search.data import Dataset
from moe_search.data.mapped import where_it_lies
from moe_search.engine.checkpoints import Checkpoints
from moe_search.engine.trial import trains_alone
from moe_search.moe.architecture import Architecture
from moe_search.package.config import Card
from moe_search.progress import Note, Working
from moe_search.search.batches import Batches
from moe_search.search.coordinator import Coordinator
from moe_search.search.events import Listener
from moe_search.search.executors.base import Opener, Plan
from moe_search.search.finals import run_finals
from moe_search.search.interrupt import Interrupted, interruptible
from moe_search.search.ledger import StudyRecord
from moe_search.search.mending import mend
from moe_search.search.objective import keeps
from moe_search.search.ranking import best_trials
from moe_search.search.recorder import Recorder
from moe_search.search.session import Session
from moe_search.search.study_store import check_hope, open_study, study_in
from moe_search.search.surrogate.earlier import earlier
from moe_search.spec import Configuration, Data, Study, resolve_backbone
from moe_search.stores.checks import check_store
from moe_search.stores.failures import as_user_error
from moe_search.stores.lock import study_lock
from moe_search.stores.mlflow import open_store
from moe_search.stores.optuna import open_storage
from moe_search.stores.quiet import silence
from moe_search.tracking.failed import failing
from moe_search.tracking.notes import study_note
from moe_search.tracking.provenance import provenance
from moe_search.tracking.runs import Tracker


def run_on_data(
    study: Study, data: Dataset, workers: Opener, listener: Listener, started: float
) -> tuple[str, bool]:
    """Search, then the finals; why that ended, and whether it was asked to.

    Args:
        study: what to search.
        data: what it trains on.
        workers: to be opened; they are joined.
        listener: told of every trial.
        started: when the run did, on the monotonic clock.

    Raises:
        UserError: what ``run_study`` raises, but for the data and the networks.
    """
    silence()
    card = Card(data.name, data.classes, data.mean, data.std, data.preprocessing)
    listener(Working("opening the stores"))
    found = earlier(study, listener)
    addresses = study.addresses
    check_store(addresses.optuna, "Optuna")
    check_store(addresses.mlflow, "MLflow")
    with (
        as_user_error(addresses),
        study_lock(study.name, addresses),
        interruptible() as interrupt,
    ):
        storage = open_storage(addresses.optuna)
        client = open_store(addresses.mlflow, create=True)
        if begun := study_in(study.name, addresses, storage):
            for line in mend(begun, client, addresses, study.search.retries).lines():
                listener(Note(line))
        optuna_study = open_study(study, storage)
        made = provenance(study.folder)
        record = StudyRecord(made_with=made, samples=data.samples, classes=data.classes)
        checkpoints = Checkpoints(study.checkpoints_folder, study.source)
        plan = workers.plan()
        batches = _batches(checkpoints.source, plan, card, data.shape)
        tracker = Tracker(client, study, card, made, StudyRecord.of(optuna_study).id)
        listener(Note(where_it_lies(data)))
        recorder = Recorder(tracker, addresses.artifacts)
        with (
            # the study's run in MLflow ends as the run of the study does, or at the next start
            failing(partial(tracker.close, "FAILED"), away=StorageInternalError),
            workers.open(plan, data, checkpoints) as executor,
        ):
            parts = (recorder, executor, batches, checkpoints, interrupt, listener)
            session = Session(study, optuna_study, *parts, found)
            reason, interrupted = _to_the_end(session, record, started)
        if not interrupted:
            checkpoints.clear()
    return reason, interrupted


def _batches(source: Data, plan: Plan, card: Card, shape: tuple[int, ...]) -> Batches:
    """Who trains with whom."""

    @cache
    def architecture(configuration: Configuration) -> Architecture:
        backbone = resolve_backbone(configuration.model, source.preset, shape, len(card.classes))
        return Architecture.of(configuration, backbone, shape, len(card.classes))

    alone = partial(trains_alone, device=plan.devices[0])
    return Batches(source, architecture, plan.population, len(plan.devices), alone)


def _to_the_end(session: Session, record: StudyRecord, started: float) -> tuple[str, bool]:
    """Search, then the finals; why that ended, and whether it was asked to.

    Args:
        session: what it works with.
        record: of the study, as far as it is known before.
        started: when the run did, on the monotonic clock.

    Raises:
        UserError: all trials failed, now or in an earlier run.
    """
    optuna_study = session.optuna_study
    check_hope(optuna_study, session.study.search.max_failures)
    record.write(optuna_study)
    _write_note(session)
    reason, interrupted = _search(session)
    _write_note(session)
    so_far = StudyRecord.of(optuna_study).seconds
    seconds = round(so_far + time.monotonic() - started, 1)
    StudyRecord(seconds=seconds).write(optuna_study)
    if not interrupted:
        check_hope(optuna_study, most=0)
    session.recorder.tracker.close("KILLED" if interrupted else "FINISHED")
    return reason, interrupted


def _search(session: Session) -> tuple[str, bool]:
    coordinator = Coordinator(session)
    try:
        reason = coordinator.run()
        if not session.study.configurations:
            run_finals(session)
    except Interrupted:
        coordinator.abandon()
        return "interrupted", True
    return reason, False


def _write_note(session: Session) -> None:
    """Say on the study's page in the Optuna dashboard what it is, and which trials are the best."""
    made = StudyRecord.of(session.optuna_study).made_with
    save_note(session.optuna_study, study_note(session.study, made, _best_in_words(session)))


def _best_in_words(session: Session) -> str:
    """Which trials are the best so far; empty before there is one.

    What the Optuna dashboard (0.21) calls the best does not depend on constraints.
    """
    study, objective = session.study, session.study.objective
    count = 12 if objective.pareto else 1
    best = best_trials(objective, session.optuna_study, count, study.finalists.choose)
    if not best:
        return ""
    numbers = ", ".join(str(trial.number) for trial in best)
    words = (
        f"Best on the front: trials {numbers}." if objective.pareto else f"Best: trial {numbers}."
    )
    if not keeps(best[0].constraints):
        words += " No trial keeps the constraints."
    elif objective.constraints:
        words += " What this page itself calls the best may miss the constraints."
    return words
