"""Trains the trials of a job in step and evaluates them after every epoch.

Shape suffixes: P model, B sample, N training sample.
"""

import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from moe_search.engine.augment import augment
from moe_search.engine.checkpoints import Checkpoint, Checkpoints, to_stderr
from moe_search.engine.population import Population
from moe_search.engine.resident import Resident, Tensors
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
from moe_search.moe.decomposition import Decomposition
from moe_search.moe.mixtures import Mixtures
from moe_search.moe.outputs.base import load_rule
from moe_search.moe.tally import DecompositionTally
from moe_search.moe.terms.base import Features

_EVALUATION_BATCH = 512


class Trainer:
    """Trains one job on data that is already resident.

    Args:
        job: the trials.
        data: resident data; with a test split if the job evaluates on it.
        device: where to train.
        fused: take the fast form of what has one.
        report: called with what happens to each trial, in order.
        dropped: asked after each epoch which trials to stop (their keys); they are reported as they
            stand, not complete.
        features: see ``Population``.
        checkpoints: where the trials leave theirs, if they do.
        begun: of every trial, by key, the checkpoint from which it goes on, all of one epoch; or
            none of any. What was reported before it is reported again.
    """

    def __init__(
        self,
        job: Job,
        data: Resident,
        device: torch.device,
        fused: bool,
        report: Callable[[Report], None],
        dropped: Callable[[], Collection[int]] = tuple,
        features: Features | None = None,
        checkpoints: Checkpoints | None = None,
        begun: Mapping[int, Checkpoint] | None = None,
    ) -> None:
        self._job = job
        self._data = data
        self._device = device
        self._report = report
        self._dropped = dropped
        first = job.trials[0].configuration
        self._stages = tuple(numbered(first))
        self._last_epoch = last_epoch(first)
        self._batch_size = first.training.batch_size
        self._seed = job.trials[0].seed
        self._population = Population(
            job.trials, job.architecture, self._stages[0][0], device, fused, features
        )
        if job.start is not None:
            self._population.mixtures.load_states([job.start])
            self._stages = self._stages[-1:]
        self._history: dict[int, list[EpochReport]] = {spec.key: [] for spec in job.trials}
        self._seconds = dict.fromkeys(self._history, 0.0)
        self._checkpoints = checkpoints
        self._begun = begun or {}
        self._trained = 0  # epochs, with those of a pretraining
        self._started = time.monotonic()

    def run(self) -> None:
        """Train stage after stage to the end, or until no trial is left."""
        begun = next((checkpoint.epochs for checkpoint in self._begun.values()), 0)
        for stage, epochs in self._stages:
            if stage is not self._population.stage:
                self._population.enter(stage, epochs.start - 1)
            train = self._pretrain if stage.pretraining else self._epoch
            for epoch in epochs:
                self._trained += 1
                if self._trained < begun:
                    continue
                if not (self._resume(epoch) if self._trained == begun else train(epoch)):
                    return

    def _resume(self, epoch: int) -> bool:
        """Be where the checkpoints are, after an epoch; whether there is more to train."""
        begun = [self._begun[spec.key] for spec in self._population.specs]
        self._population.go_on(epoch, [checkpoint.snapshot for checkpoint in begun])
        for spec, checkpoint in zip(self._population.specs, begun, strict=True):
            self._history[spec.key] = list(checkpoint.history)
            self._seconds[spec.key] = checkpoint.seconds
            for report in checkpoint.history:
                self._report(report)
        if epoch == self._last_epoch:
            self._finish(self._evaluate(self._data.validation), [True] * len(begun))
        return epoch != self._last_epoch

    def _pretrain(self, epoch: int) -> bool:
        """Train once without a gate, so there is nothing to judge; whether any trial is left."""
        started = time.perf_counter()
        losses = self._train(epoch).tolist()
        self._count_seconds(started)
        finite = [math.isfinite(loss) for loss in losses]
        for spec, loss in zip(self._population.specs, losses, strict=True):
            if not math.isfinite(loss):
                reason = f"the loss is not finite in the pretraining: {loss}"
                self._report(TrialFailure(spec.key, reason))
        self._leave_checkpoints(finite)
        self._dropped()  # raises where training is to end
        return self._go_on([model for model, kept in enumerate(finite) if kept])

    def _epoch(self, epoch: int) -> bool:
        """Train and evaluate once; whether any trial is left to go on with."""
        started = time.perf_counter()
        loss_P = self._train(epoch)
        decompositions = self._evaluate(self._data.validation)
        self._count_seconds(started)
        finite = []
        for spec, loss, found in zip(
            self._population.specs, loss_P.tolist(), decompositions, strict=True
        ):
            finite.append(math.isfinite(loss) and math.isfinite(found.loss))
            if finite[-1]:
                self._report_epoch(spec, epoch, found, loss)
            else:
                losses = f"{loss} in training, {found.loss} in validation"
                reason = f"the loss is not finite in epoch {epoch}: {losses}"
                self._report(TrialFailure(spec.key, reason))
        self._leave_checkpoints(finite)
        if epoch == self._last_epoch:
            self._finish(decompositions, finite)
            return False
        return self._keep(decompositions, finite)

    def _train(self, epoch: int) -> Tensor:
        """One pass over the training data; each model's mean loss, [P]."""
        self._population.begin(epoch)
        loss_P = torch.zeros(len(self._population.specs), device=self._device)
        batches = 0
        for x, label_B in self._batches(epoch):
            loss_P += self._population.step(x, label_B)
            batches += 1
        return loss_P / batches

    def _batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        split, size = self._data.train, self._batch_size
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
        self, spec: TrialSpec, epoch: int, found: Decomposition, training_loss: float
    ) -> None:
        report = EpochReport(spec.key, epoch, found.metrics(), training_loss, found.usage_M)
        self._history[spec.key].append(report)
        self._report(report)

    def _leave_checkpoints(self, finite: list[bool]) -> None:
        """Write one of each trial, if their training is long; where that fails, go on without."""
        checkpoints = self._checkpoints
        if checkpoints is None:
            return
        if not self._begun and time.monotonic() - self._started < checkpoints.after:
            return
        try:
            for model, spec in enumerate(self._population.specs):
                if finite[model]:
                    history, seconds = tuple(self._history[spec.key]), self._seconds[spec.key]
                    snapshot = self._population.snapshot_of(model)
                    checkpoints.write(spec, Checkpoint(self._trained, history, seconds, snapshot))
        except OSError as error:
            to_stderr(f"moe-search: trains on without checkpoints: {error}")
            self._checkpoints = None

    def _keep(self, validation: list[Decomposition], finite: list[bool]) -> bool:
        """Leave out what failed or is to stop; whether any trial is left."""
        dropped = self._dropped()
        specs = self._population.specs
        kept = []
        for model, spec in enumerate(specs):
            if finite[model] and spec.key in dropped:
                self._report(self._result(model, validation[model], None, None, complete=False))
            elif finite[model]:
                kept.append(model)
        return self._go_on(kept)

    def _go_on(self, models: Sequence[int]) -> bool:
        """Keep some models; whether there are any."""
        if 0 < len(models) < len(self._population.specs):
            self._population.keep(models)
        return bool(models)

    def _count_seconds(self, started: float) -> None:
        """Give each trial its share of the time since then."""
        specs = self._population.specs
        for spec in specs:
            self._seconds[spec.key] += (time.perf_counter() - started) / len(specs)

    def _finish(self, validation: list[Decomposition], finite: list[bool]) -> None:
        training: Sequence[Decomposition | None] = [None] * len(finite)
        test: Sequence[Decomposition | None] = training
        if self._job.test:
            assert self._data.test is not None, "the job needs the test split"
            training = self._evaluate(self._data.train)
            test = self._evaluate(self._data.test)
        for model in range(len(finite)):
            if finite[model]:
                splits = validation[model], training[model], test[model]
                self._report(self._result(model, *splits, complete=True))

    def _result(
        self,
        model: int,
        validation: Decomposition,
        training: Decomposition | None,
        test: Decomposition | None,
        complete: bool,
    ) -> TrialResult:
        spec = self._population.specs[model]
        return TrialResult(
            key=spec.key,
            seed=spec.seed,
            complete=complete,
            configuration=spec.configuration,
            history=tuple(self._history[spec.key]),
            validation=validation,
            training=training,
            test=test,
            architecture=self._population.architecture,
            experts=expert_count(spec.configuration),
            temperature=temperatures(spec.configuration, len(self._history[spec.key])).gate,
            state=self._population.state_of(model),
            seconds=self._seconds[spec.key],
        )


@torch.no_grad()
def evaluate(mixtures: Mixtures, split: Tensors) -> list[Decomposition]:
    """The decomposition of each model on a split; leaves them in evaluation mode."""
    mixtures.eval()
    architecture = mixtures.architecture
    tally = DecompositionTally(mixtures.axis, architecture.classes, load_rule(architecture.rule))
    for start in range(0, len(split.y), _EVALUATION_BATCH):
        batch = slice(start, start + _EVALUATION_BATCH)
        logits_PMB, outputs_PMCB = mixtures(samples_last(split.x[batch]))
        tally.add(logits_PMB, outputs_PMCB, split.y[batch])
    return tally.decompositions()


def samples_last(x: Tensor) -> Tensor:
    """[B, ...] -> [..., B], the layout in which networks run."""
    return x.movedim(0, -1).contiguous()
