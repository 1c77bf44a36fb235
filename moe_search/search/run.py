"""Runs a study from study.yaml to its champion."""

import time
from collections.abc import Iterator, Mapping
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
from moe_search.search.executors.base import Plan
from moe_search.search.finals import run_finals
from moe_search.search.interrupt import Interrupted, interruptible
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
    source = study.source
    listener(Working("reading the data"))
    data = load(source, bool(study.configurations) or study.finalists.top > 0, listener)
    _check_networks(study, data)
    card = Card(data.name, data.classes, data.mean, data.std, data.preprocessing)
    shape, samples = data.shape, data.samples
    listener(Working("opening the stores"))
    check_store(study.optuna_url, "Optuna")
    check_store(study.mlflow_url, "MLflow")
    workers = opener(study, listener)
    with (
        workers.joined(),  # it may take over signals, too, and so comes first
        told_in_one_line(study),
        locked(study),
        interruptible() as interrupt,
    ):
        storage = open_storage(study)
        for line in mend(study, storage).lines():
            listener(Note(line))
        optuna_study = open_study(study, storage)  # its sampler goes on behind what was mended
        plan = workers.plan()
        batches = _batches(source, plan, card, shape)
        checkpoints = Checkpoints(study.checkpoints_folder, source)
        with (
            _tracked(study, card) as tracker,
            workers.open(plan, data, checkpoints) as executor,
        ):
            del data  # the workers hold their own
            recorder = Recorder(tracker, open_artifacts(study))
            session = Session(
                study, optuna_study, recorder, executor, batches, checkpoints, interrupt, listener
            )
            StudyRecord(samples=samples, classes=card.classes).write(optuna_study)
            with _described(study, optuna_study, started):
                reason, interrupted = _to_the_end(session)
            tracker.close("KILLED" if interrupted else "FINISHED")
        if not interrupted:
            checkpoints.clear()
    return Ended(reason, interrupted, time.monotonic() - started)


def _batches(source: Data, plan: Plan, card: Card, shape: tuple[int, ...]) -> Batches:
    """Who trains with whom."""

    @cache
    def architecture(configuration: Configuration) -> Architecture:
        backbone = resolve_backbone(configuration.model, card.data, shape, len(card.classes))
        return Architecture.of(configuration, backbone, shape, len(card.classes))

    def alone(architecture: Architecture) -> bool:
        return plan.exact and not architecture.rounds_alike

    return Batches(source, architecture, plan.population, len(plan.devices), alone)


@contextmanager
def _described(study: Study, optuna_study: optuna.Study, started: float) -> Iterator[None]:
    """With its page in the Optuna dashboard as it is before a run, and afterwards as it is then."""
    made = provenance(study.folder)
    StudyRecord(made_with=made).write(optuna_study)
    _write_note(study, optuna_study, made)
    yield
    _write_note(study, optuna_study, made)
    so_far = StudyRecord.of(optuna_study).seconds
    seconds = round(so_far + time.monotonic() - started, 1)
    StudyRecord(seconds=seconds).write(optuna_study)


def _write_note(study: Study, optuna_study: optuna.Study, made: Mapping[str, str]) -> None:
    """Say on the study's page what it is, and which trials are the best."""
    best = best_in_words(study.objective, optuna_study)
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
