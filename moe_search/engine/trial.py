"""What goes into a worker and what comes out: plain data, no stores, no callbacks.

Shape suffixes: T epoch, M expert.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from moe_search.engine.stages import stages
from moe_search.moe.architecture import Architecture, State
from moe_search.moe.decomposition import Decomposition
from moe_search.spec import Data
from moe_search.spec.configuration import Configuration


@dataclass(frozen=True)
class TrialSpec:
    """One model to train.

    Attributes:
        key: the caller's name for it; results carry it back.
        configuration: its hyperparameters.
        seed: decides initial weights, data order and augmentation.
        on_all: whether it trains on the validation samples, too, which judge nothing then.
    """

    key: int
    configuration: Configuration
    seed: int
    on_all: bool = False


@dataclass(frozen=True)
class Job:
    """Trials for one worker to train in step.

    Attributes:
        trials: equal in ``fusion_key``.
        architecture: of their models.
        source: the data.
        test: evaluate the trained models on the training and test splits, too; searches do not.
        start: weights with which the last stage of the one trial starts; the stages before it were
            trained already.
    """

    trials: tuple[TrialSpec, ...]
    architecture: Architecture
    source: Data
    test: bool = False
    start: State | None = None


@dataclass(frozen=True)
class EpochReport:
    """Validation metrics of one trial after an epoch (counted from 1), and its training loss."""

    key: int
    epoch: int
    metrics: dict[str, float]
    training_loss: float
    usage_M: npt.NDArray[np.float64]


@dataclass(frozen=True)
class TrialResult:
    """A trained model, or one that was stopped early.

    Attributes:
        complete: whether it was trained to the end.
        history: one report per epoch, until the one whose weights these are.
        validation, training, test: its decomposition on each split; the latter two where the job
            asked for them.
        architecture, experts, temperature, state: all that rebuilds the model.
        seconds: its share of the wall seconds that workers took for its populations.
        on_all: whether it was trained on the validation samples, too.
    """

    key: int
    seed: int
    complete: bool
    configuration: Configuration
    history: tuple[EpochReport, ...]
    validation: Decomposition
    training: Decomposition | None
    test: Decomposition | None
    architecture: Architecture
    experts: int
    temperature: float
    state: State = field(repr=False)
    seconds: float = 0.0
    on_all: bool = False

    @property
    def usage_TM(self) -> npt.NDArray[np.float64]:
        """Expert usage on the validation split after each epoch."""
        return np.stack([report.usage_M for report in self.history])


@dataclass(frozen=True)
class TrialFailure:
    """A trial that raised or whose loss is not finite."""

    key: int
    reason: str


Outcome = TrialResult | TrialFailure
Report = EpochReport | Outcome


def expert_count(configuration: Configuration) -> int:
    """Networks that a model evaluates: M, or 1 for a single network."""
    return 1 if configuration.model.kind == "single" else configuration.model.experts


def trains_alone(architecture: Architecture, device: str) -> bool:
    """Whether a model's numbers would depend on its company: they need not be exact on a GPU."""
    return device == "cpu" and not architecture.rounds_alike


def fusion_key(spec: TrialSpec, architecture: Architecture) -> Hashable:
    """Trials with equal keys can train in step: all else may differ from model to model."""
    model, training = spec.configuration.model, spec.configuration.training
    return (
        spec.seed,
        spec.on_all,
        architecture,
        training.batch_size,
        training.precision,
        training.optimizer,
        stages(spec.configuration),
        model.dual_temperature != 1,
    )
