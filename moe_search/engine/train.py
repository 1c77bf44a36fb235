"""Trains the trials of a job in step and evaluates them after every epoch; in a worker's thread.

Shape suffixes: P model, B sample, N training sample.
"""

import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from moe_search.engine.augment import augment
from moe_search.engine.checkpoints import Checkpoint, Checkpoints, to_stderr
from moe_search.engine.early_stop import Progress
from moe_search.engine.evaluate import evaluate
from moe_search.engine.hardware import Hardware
from moe_search.engine.population import Population
from moe_search.engine.resident import Resident, Tensors, samples_last
from moe_search.engine.seeds import Stream, generator, order
from moe_search.engine.stages import last_epoch, numbered
from moe_search.engine.temperatures import temperatures
from moe_search.engine.trial import (
    EpochReport,
    Job,
    Report,
    TrialFailure,
    TrialResult,
    TrialSpec,
    expert_count,
)
from moe_search.moe.architecture import State
from moe_search.moe.decomposition import Decomposition
from moe_search.moe.terms.base import Features


@dataclass(frozen=True)
class Caller:
    """Who asks for a training.

    Attributes:
        report: called with what happens to each trial, in order.
        dropped: asked after each epoch which trials to stop (their keys); they are reported as they
            stand, not complete. Raises where training is to end.
    """

    report: Callable[[Report], None]
    dropped: Callable[[], Collection[int]] = tuple


class Trainer:
    """Trains one job on data that is already resident.

    Args:
        job: the trials.
        data: resident data; with a test split if the job evaluates on it.
        hardware: where to train.
        caller: told and asked.
        features: see ``Population``.
        checkpoints: where the trials leave theirs, if they do.
        resumed: of every trial, by key, the checkpoint from which it resumes, all of one epoch; or
            none of any. What was reported before it is reported again.
    """

    def __init__(
        self,
        job: Job,
        data: Resident,
        hardware: Hardware,
        caller: Caller,
        features: Features | None = None,
        checkpoints: Checkpoints | None = None,
        resumed: Mapping[int, Checkpoint] | None = None,
    ) -> None:
        self._job = job
        self._data = data
        self._hardware = hardware
        self._caller = caller
        first = job.trials[0]
        self._training = first.configuration.training
        self._seed = first.seed
        self._split = data.together if first.on_all else data.train
        self._last_epoch = last_epoch(first.configuration)
        stages = tuple(numbered(first.configuration))
        self._population = Population(
            job.trials, job.architecture, stages[0][0], hardware, features, self._split.y
        )
        if job.start is not None:
            self._population.mixtures.load_states([job.start])
            stages = stages[-1:]
        self._schedule = [(stage, epoch) for stage, epochs in stages for epoch in epochs]
        self._progress = {spec.key: Progress(spec.configuration) for spec in job.trials}
        self._resumed = resumed or {}
        self._checkpoints = checkpoints
        self._trained = 0  # epochs, with those of a pretraining
        self._started = time.monotonic()

    def run(self) -> None:
        """Train epoch after epoch to the end, or until no trial is left."""
        if self._resumed and not self._resume():
            return
        for stage, epoch in self._schedule[self._trained :]:
            if stage is not self._population.stage:
                self._population.enter_stage(stage, epoch - 1)
            self._trained += 1
            left = self._pretrain(epoch) if stage.pretraining else self._epoch(epoch)
            if not left:
                return

    def _resume(self) -> bool:
        """Be where the checkpoints are; whether there is more to train."""
        checkpoints = [self._resumed[spec.key] for spec in self._population.specs]
        self._trained = checkpoints[0].epochs
        stage, epoch = self._schedule[self._trained - 1]
        snapshots = [checkpoint.snapshot for checkpoint in checkpoints]
        self._population.resume(stage, epoch, snapshots)
        for spec, checkpoint in zip(self._population.specs, checkpoints, strict=True):
            kept = list(checkpoint.history), checkpoint.seconds, checkpoint.best
            self._progress[spec.key] = Progress(spec.configuration, *kept)
            for report in checkpoint.history:
                self._caller.report(report)
        over = [model for model in range(len(checkpoints)) if self._progress_of(model).over]
        if over:
            self._finish(over, self._evaluate(self._data.validation))
        return self._select([model for model in range(len(checkpoints)) if model not in over])

    def _pretrain(self, epoch: int) -> bool:
        """Train once without a gate, so there is nothing to judge; whether any trial is left."""
        started = time.perf_counter()
        losses = self._train(epoch).tolist()
        self._count_seconds(started)
        finite = [math.isfinite(loss) for loss in losses]
        for spec, loss in zip(self._population.specs, losses, strict=True):
            if not math.isfinite(loss):
                reason = f"the loss is not finite in the pretraining: {loss}"
                self._caller.report(TrialFailure(spec.key, reason))
        self._write_checkpoints(finite)
        self._caller.dropped()  # raises where training is to end
        return self._select([model for model, sound in enumerate(finite) if sound])

    def _epoch(self, epoch: int) -> bool:
        """Train and evaluate once; whether any trial is left to train on."""
        started = time.perf_counter()
        loss_P = self._train(epoch)
        decompositions = self._evaluate(self._data.validation)
        self._count_seconds(started)
        finite = [
            self._report_epoch(spec, epoch, decomposition, loss)
            for spec, loss, decomposition in zip(
                self._population.specs, loss_P.tolist(), decompositions, strict=True
            )
        ]
        sound = [model for model, told in enumerate(finite) if told]
        for model in sound:
            self._progress_of(model).keep(partial(self._population.state_of, model))
        self._write_checkpoints(finite)
        over = [model for model in sound if self._progress_of(model).over]
        if over:
            self._finish(over, decompositions)
        return self._drop([model for model in sound if model not in over], decompositions)

    def _progress_of(self, model: int) -> Progress:
        return self._progress[self._population.specs[model].key]

    def _train(self, epoch: int) -> Tensor:
        """One pass over the training data; each model's mean loss, [P]."""
        self._population.begin_epoch(epoch)
        loss_P = torch.zeros(len(self._population.specs), device=self._hardware.device)
        batches = 0
        for x, label_B in self._batches(epoch):
            loss_P += self._population.step(x, label_B)
            batches += 1
        return loss_P / batches

    def _batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        split, size = self._split, self._training.batch_size
        order_N = order(self._seed, epoch, len(split.y)).to(split.y.device)
        drawn = generator(self._seed, Stream.AUGMENTATION, epoch)
        for start in range(0, len(order_N), size):
            index_B = order_N[start : start + size]
            if len(index_B) == 1 < len(order_N):
                continue  # batch statistics of one sample do not exist
            x = split.x.index_select(0, index_B)
            if self._data.augment:
                x = augment(x, drawn)
            yield samples_last(x), split.y[index_B]

    def _evaluate(self, split: Tensors) -> list[Decomposition]:
        return evaluate(self._population.mixtures, split)

    def _report_epoch(
        self, spec: TrialSpec, epoch: int, decomposition: Decomposition, training_loss: float
    ) -> bool:
        """Tell of an epoch of one trial, or that it fails; whether its losses are finite."""
        if not (math.isfinite(training_loss) and math.isfinite(decomposition.loss)):
            losses = f"{training_loss} in training, {decomposition.loss} in validation"
            reason = f"the loss is not finite in epoch {epoch}: {losses}"
            self._caller.report(TrialFailure(spec.key, reason))
            return False
        metrics, usage_M = decomposition.metrics(), decomposition.usage_M
        report = EpochReport(spec.key, epoch, metrics, training_loss, usage_M)
        self._progress[spec.key].history.append(report)
        self._caller.report(report)
        return True

    def _write_checkpoints(self, finite: list[bool]) -> None:
        """Write one of each trial, if their training is long; where that fails, go on without."""
        checkpoints = self._checkpoints
        if checkpoints is None:
            return
        if not self._resumed and time.monotonic() - self._started < checkpoints.after:
            return
        try:
            for model, spec in enumerate(self._population.specs):
                if finite[model]:
                    progress = self._progress[spec.key]
                    history, seconds = tuple(progress.history), progress.seconds
                    snapshot = self._population.snapshot_of(model)
                    checkpoint = Checkpoint(
                        self._trained, history, seconds, snapshot, progress.best
                    )
                    checkpoints.write(spec, checkpoint)
        except OSError as error:
            to_stderr(f"moe-search: trains on without checkpoints: {error}")
            self._checkpoints = None

    def _drop(self, models: Sequence[int], validation: list[Decomposition]) -> bool:
        """Of models that could go on, leave out what is to stop; whether any is left."""
        dropped, left = self._caller.dropped() if models else (), []
        for model in models:
            if self._population.specs[model].key in dropped:
                result = self._result(model, validation[model], None, None, complete=False)
                self._caller.report(result)
            else:
                left.append(model)
        return self._select(left)

    def _select(self, models: Sequence[int]) -> bool:
        """Train on with some models; whether there are any."""
        if 0 < len(models) < len(self._population.specs):
            self._population.select(models)
        return bool(models)

    def _count_seconds(self, started: float) -> None:
        """Give each trial its share of the time since then."""
        specs = self._population.specs
        for spec in specs:
            self._progress[spec.key].seconds += (time.perf_counter() - started) / len(specs)

    def _finish(self, models: Sequence[int], validation: Sequence[Decomposition]) -> None:
        """Report models that are trained, given what all models now do in validation.

        Those that could stop early are judged by the weights that are kept.
        """
        population, data = self._population, self._data
        mixtures, judged = population.mixtures, [*range(len(population.specs))]
        if any(self._progress_of(model).best for model in models):
            states = [self._kept(model) for model in models]
            epochs = [self._progress_of(model).until_kept()[-1].epoch for model in models]
            mixtures, judged = population.with_states(models, states, epochs), [*models]
            validation = evaluate(mixtures, data.validation)
        training: Sequence[Decomposition | None] = [None] * len(judged)
        test: Sequence[Decomposition | None] = training
        if self._job.test:
            assert data.test is not None, "the job needs the test split"
            training, test = evaluate(mixtures, data.train), evaluate(mixtures, data.test)
        for model, here, seen, unseen in zip(judged, validation, training, test, strict=True):
            if model in models:
                self._caller.report(self._result(model, here, seen, unseen, complete=True))

    def _kept(self, model: int) -> State:
        """The weights that are kept of a model that is trained."""
        return self._progress_of(model).best or self._population.state_of(model)

    def _result(
        self,
        model: int,
        validation: Decomposition,
        training: Decomposition | None,
        test: Decomposition | None,
        complete: bool,
    ) -> TrialResult:
        spec = self._population.specs[model]
        progress = self._progress[spec.key]
        history = progress.until_kept() if complete else tuple(progress.history)
        return TrialResult(
            key=spec.key,
            seed=spec.seed,
            complete=complete,
            configuration=spec.configuration,
            history=history,
            validation=validation,
            training=training,
            test=test,
            architecture=self._population.architecture,
            experts=expert_count(spec.configuration),
            temperature=temperatures(spec.configuration, history[-1].epoch).gate,
            state=self._kept(model) if complete else self._population.state_of(model),
            seconds=progress.seconds,
            on_all=spec.on_all,
        )
