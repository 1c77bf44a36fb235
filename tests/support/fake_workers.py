"""A stand-in for the workers: what a trial comes to is a function, its stores are real.

Shape suffixes: C true class, K predicted class, M expert.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Self

import numpy as np

from moe_search.engine.messages import Ready
from moe_search.engine.stages import last_epoch
from moe_search.engine.trial import (
    EpochReport,
    Job,
    TrialFailure,
    TrialResult,
    TrialSpec,
    expert_count,
)
from moe_search.moe.architecture import Architecture, State
from moe_search.moe.decomposition import Decomposition
from moe_search.search.executors.base import Died, Event

Train = Callable[[TrialSpec, int], Decomposition]
"""What a trial does on the validation split after an epoch, counted from 1."""

Weights = Callable[[Architecture, int, int], State]
"""Weights of a model by its architecture, number of experts and seed."""

CLASSES, SAMPLES = 10, 10_000


class Fails(Exception):
    """Raised by a ``Train``: the trial fails with this reason."""


class Kills(Exception):
    """Raised by a ``Train``: the trial's worker dies with this reason."""


class StandIn:
    """An executor of workers that do one epoch of their jobs whenever they are asked for events.

    Args:
        train: decides what the trials come to.
        weights: gives their models weights.
        workers: how many.
        test: what finalists do on the test split, as ``train`` by default.
        uncompiled: why operations are not compiled, if they are not.
    """

    def __init__(
        self,
        train: Train,
        weights: Weights,
        workers: int = 2,
        test: Train | None = None,
        uncompiled: str | None = None,
    ) -> None:
        self.workers = workers
        self.jobs: list[Job] = []
        self._train = train
        self._weights = weights
        self._test = test or train
        self._started: list[Event] = [Ready(uncompiled)] * workers
        self._running: list[Iterator[list[Event]]] = []
        self._dropped: set[int] = set()

    @property
    def idle(self) -> int:
        """Workers that wait for a job."""
        return self.workers - len(self._running)

    def submit(self, job: Job) -> None:
        """Give a job to an idle worker."""
        assert self.idle
        self.jobs.append(job)
        self._running.append(self._work(job))

    def drop(self, keys: Iterable[int]) -> None:
        """Stop training these trials; their results as they stand come as events."""
        self._dropped |= set(keys)

    def events(self, timeout: float) -> list[Event]:
        """What happens in the next epoch of every job."""
        found, self._started = self._started, []
        for running in list(self._running):
            if (events := next(running, None)) is None:
                self._running.remove(running)
            found += events or []
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing outlives it."""

    def _work(self, job: Job) -> Iterator[list[Event]]:
        histories: dict[TrialSpec, list[EpochReport]] = {spec: [] for spec in job.trials}
        reached: dict[TrialSpec, Decomposition] = {}
        epochs = last_epoch(job.trials[0].configuration)
        for epoch in range(1, epochs + 1):
            events: list[Event] = []
            for spec, history in list(histories.items()):
                try:
                    found = self._train(spec, epoch)
                except Fails as reason:
                    events.append(TrialFailure(spec.key, str(reason)))
                    del histories[spec]
                except Kills as reason:
                    yield [*events, Died(tuple(spec.key for spec in histories), str(reason))]
                    return
                else:
                    reached[spec] = found
                    history.append(
                        EpochReport(spec.key, epoch, found.metrics(), 0.1, found.usage_M)
                    )
                    events.append(history[-1])
            yield events
            ended = [spec for spec in histories if spec.key in self._dropped or epoch == epochs]
            yield [
                self._result(job, spec, histories.pop(spec), reached[spec], epoch == epochs)
                for spec in ended
            ]

    def _result(
        self,
        job: Job,
        spec: TrialSpec,
        history: Sequence[EpochReport],
        reached: Decomposition,
        complete: bool,
    ) -> TrialResult:
        configuration = spec.configuration
        experts = expert_count(configuration)
        return TrialResult(
            key=spec.key,
            seed=spec.seed,
            complete=complete,
            configuration=configuration,
            history=tuple(history),
            validation=reached,
            training=reached if job.test else None,
            test=self._test(spec, len(history)) if job.test else None,
            architecture=job.architecture,
            experts=experts,
            temperature=configuration.model.temperature,
            state=self._weights(job.architecture, experts, spec.seed),
            seconds=0.001,
            on_all=spec.on_all,
        )


def decomposition(
    experts: int, accuracy: float = 0.9, usage: Sequence[float] = (), sample_entropy: float = 0.1
) -> Decomposition:
    """A decomposition of 10,000 samples, 1,000 a class, in which every class is treated alike.

    Args:
        experts: how many.
        accuracy: of the model and of each expert.
        usage: of each expert, uniform by default.
        sample_entropy: in bits.
    """
    per_class = SAMPLES / CLASSES
    usage_M = np.asarray(usage or [1 / experts] * experts)
    soft_CM = np.tile(usage_M * per_class, (CLASSES, 1))
    wrong = (1 - accuracy) / (CLASSES - 1)
    model_CK = (np.full((CLASSES, CLASSES), wrong) + np.eye(CLASSES) * (accuracy - wrong)) * (
        per_class
    )
    return Decomposition(
        soft_CM=soft_CM,
        hard_CM=soft_CM.round(),
        chosen_MK=soft_CM.T.round(),
        confusion_MCK=np.tile(model_CK.round(), (experts, 1, 1)),
        model_CK=model_CK,
        sample_entropy=sample_entropy,
        loss=0.1,
    )
