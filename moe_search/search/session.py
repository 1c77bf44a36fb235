"""One run of a study: what the search and then the finals work with."""

from dataclasses import dataclass

import optuna

from moe_search.engine.checkpoints import Checkpoints
from moe_search.search.batches import Batches
from moe_search.search.events import Listener
from moe_search.search.executors.base import Executor
from moe_search.search.interrupt import Interrupt
from moe_search.search.recorder import Recorder
from moe_search.search.surrogate.earlier import NOTHING, Earlier
from moe_search.spec import Study


@dataclass(frozen=True)
class Session:
    """One run of a study, made once by ``run_study``.

    Attributes:
        study: what was asked for.
        optuna_study: the study in Optuna's store.
        recorder: writes to MLflow and to the trials' pages.
        executor: the workers.
        batches: makes jobs of trials.
        checkpoints: of trainings that have not ended.
        interrupt: asked between events whether to end.
        listener: told of what happens.
        earlier: what other studies found.
    """

    study: Study
    optuna_study: optuna.Study
    recorder: Recorder
    executor: Executor
    batches: Batches
    checkpoints: Checkpoints
    interrupt: Interrupt
    listener: Listener
    earlier: Earlier = NOTHING
