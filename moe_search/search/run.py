"""Runs a study from study.yaml to its champion."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import optuna
from mlflow.exceptions import MlflowException
from optuna.exceptions import StorageInternalError
from optuna_dashboard import save_note

from moe_search.data import Dataset, load
from moe_search.engine.checkpoints import Checkpoints
from moe_search.moe.architecture import Architecture
from moe_search.package.config import Card
from moe_search.progress import Note, Working
from moe_search.search.batches import Batches
from moe_search.search.coordinator import Coordinator
from moe_search.search.events import Listener
from moe_search.search.executors import opener
from moe_search.search.executors.base import Opener, Plan
from moe_search.search.finals import run_finals
from moe_search.search.interrupt import Interrupt, Interrupted, interruptible
from moe_search.search.ledger import StudyRecord
from moe_search.search.mending import mend
from moe_search.search.quiet import silence
from moe_search.search.ranking import best_in_words
from moe_search.search.recorder import Recorder
from moe_search.search.session import Session
from moe_search.search.study_store import open_study
from moe_search.spec import Configuration, Data, Study, resolve_backbone
from moe_search.spec.class_groups import owners
from moe_search.stores.failures import told_in_one_line
from moe_search.stores.lock import locked
from moe_search.stores.mlflow import check_store
from moe_search.stores.optuna import open_storage
from moe_search.tracking.notes import open_artifacts, study_note
from moe_search.tracking.provenance import provenance
from moe_search.tracking.runs import Tracker


@dataclass(frozen=True)
class Ended:
    """How a run of a study ended.

    Attributes:
        reason: why it stopped, in words.
        interrupted: by Ctrl-C; the same command goes on.
        seconds: wall time of this run.
    """

    reason: str
    interrupted: bool
    seconds: float


def run_study(study: Study, listener: Listener) -> Ended:
    """Search, then the finals. The same call goes on where an earlier one ended.

    Args:
        study: what to search.
        listener: told of every trial.

    Raises:
        UserError: the data, a store or the study's earlier space do not fit; nothing is created
            where the data, the networks, a store's address or a Ray cluster are at fault. Or a
            disk or a store fails on the way; nothing is lost by that.
    """
    started = time.monotonic()
    silence()
    data, card = _read(study, listener)
    workers = opener(study, listener)
    with (
        workers.joined(),  # it may take over signals, too, and so comes first
        told_in_one_line(study),
        locked(study),
        interruptible() as interrupt,
    ):
        optuna_study = _go_on(study, listener)
        with _session(study, optuna_study, workers, data, card, interrupt, listener) as session:
            del data  # the workers hold their own
            _write_note(study, optuna_study)
            reason, interrupted = _to_the_end(session)
            _write_note(study, optuna_study)
            session.recorder.close("KILLED" if interrupted else "FINISHED")
            so_far = StudyRecord.of(optuna_study).seconds
            seconds = round(so_far + time.monotonic() - started, 1)
            StudyRecord(seconds=seconds).write(optuna_study)
        if not interrupted:
            session.checkpoints.clear()
    return Ended(reason, interrupted, time.monotonic() - started)


def _read(study: Study, listener: Listener) -> tuple[Dataset, Card]:
    """The data and the facts of it; the stores can be opened.

    Raises:
        UserError: the data, the networks or a store's address are at fault; nothing is created.
    """
    listener(Working("reading the data"))
    data = load(study.source, bool(study.configurations) or study.finalists.top > 0, listener)
    _check_networks(study, data)
    listener(Working("opening the stores"))
    check_store(study.optuna_url, "Optuna")
    check_store(study.mlflow_url, "MLflow")
    return data, Card(data.name, data.classes, data.mean, data.std, data.preprocessing)


def _go_on(study: Study, listener: Listener) -> optuna.Study:
    """The study in Optuna's store, after what a run that died has left was mended."""
    storage = open_storage(study)
    for line in mend(study, storage).lines():
        listener(Note(line))
    return open_study(study, storage)  # its sampler goes on behind what was mended


@contextmanager
def _session(
    study: Study,
    optuna_study: optuna.Study,
    workers: Opener,
    data: Dataset,
    card: Card,
    interrupt: Interrupt,
    listener: Listener,
) -> Iterator[Session]:
    """What the search and the finals work with; its workers end with the context."""
    plan = workers.plan()
    batches = _batches(study.source, plan, card, data.shape)
    checkpoints = Checkpoints(study.checkpoints_folder, study.source)
    made = provenance(study.folder)
    record = StudyRecord(made_with=made, samples=data.samples, classes=card.classes)
    with (
        _tracked(study, card) as tracker,
        workers.open(plan, data, checkpoints) as executor,
    ):
        del data  # the workers hold their own
        record.write(optuna_study)
        recorder = Recorder(tracker, open_artifacts(study))
        yield Session(
            study, optuna_study, recorder, executor, batches, checkpoints, interrupt, listener
        )


def _batches(source: Data, plan: Plan, card: Card, shape: tuple[int, ...]) -> Batches:
    """Who trains with whom."""

    @cache
    def architecture(configuration: Configuration) -> Architecture:
        backbone = resolve_backbone(configuration.model, card.data, shape, len(card.classes))
        return Architecture.of(configuration, backbone, shape, len(card.classes))

    def alone(architecture: Architecture) -> bool:
        return plan.exact and not architecture.rounds_alike

    return Batches(source, architecture, plan.population, len(plan.devices), alone)


def _write_note(study: Study, optuna_study: optuna.Study) -> None:
    """Say on the study's page in the Optuna dashboard what it is, and which trials are the best."""
    best = best_in_words(study.objective, optuna_study)
    made = StudyRecord.of(optuna_study).made_with
    save_note(optuna_study, study_note(study, made, best))


def _to_the_end(session: Session) -> tuple[str, bool]:
    """Search, then the finals; why that ended, and whether it was asked to."""
    coordinator = Coordinator(session)
    try:
        reason = coordinator.run()
        if not session.study.configurations:
            run_finals(session)
    except Interrupted:
        coordinator.abandon()
        return "interrupted", True
    return reason, False


@contextmanager
def _tracked(study: Study, card: Card) -> Iterator[Tracker]:
    """The study's runs; the parent ends as the run of the study does, or at the next start."""
    tracker = Tracker(study, card)
    try:
        yield tracker
    except (MlflowException, StorageInternalError):
        raise  # a store that is away would let us wait for minutes again
    except BaseException:
        tracker.close("FAILED")
        raise


def _check_networks(study: Study, data: Dataset) -> None:
    """Raise a ``UserError`` for what does not fit the data, before anything is made."""
    for model in study.models:
        resolve_backbone(model, data.name, data.shape, len(data.classes))
    for class_groups, experts in sorted(study.class_groups):
        owners(class_groups, len(data.classes), experts)
