"""Models of one architecture trained in step on the same batches.

Shape suffixes: P model, B sample. Inputs are [C, H, W, B] or [F, B], normalised.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from moe_search.engine.checkpoints import Snapshot
from moe_search.engine.hardware import Hardware
from moe_search.engine.optimizers.base import PopulationOptimizer
from moe_search.engine.pretraining import Pretraining
from moe_search.engine.schedules.base import Rates
from moe_search.engine.seeds import Stream, generator
from moe_search.engine.stages import Stage, place_in_stage, steps_of_epoch
from moe_search.engine.temperatures import temperatures
from moe_search.engine.trial import TrialSpec, expert_count
from moe_search.moe.architecture import Architecture, State
from moe_search.moe.build import build
from moe_search.moe.gates.base import ExpertOutputs
from moe_search.moe.label_loss import LabelLoss, balanced
from moe_search.moe.mixtures import Mixtures, part_of
from moe_search.moe.terms.base import Answers, Batch, Features
from moe_search.moe.terms.regularization import Regularization
from moe_search.spec.configuration import Regularizer, Training
from moe_search.spec.kinds.gates import GATES
from moe_search.spec.kinds.optimizers import OPTIMIZERS


class Population:
    """A population and its optimizer.

    Each model learns exactly as it would alone, and keeps its state when others leave.

    Args:
        specs: the trials; equal in ``fusion_key``.
        architecture: what their models share.
        stage: the first of their training.
        hardware: where they train.
        features: in which L_s takes distances, for trials whose regularizer needs a network.
        label_N: the classes of the training samples, from which the length of an epoch and class
            weights follow; None where there is one step.
    """

    def __init__(
        self,
        specs: Sequence[TrialSpec],
        architecture: Architecture,
        stage: Stage,
        hardware: Hardware,
        features: Features | None = None,
        label_N: Tensor | None = None,
    ) -> None:
        self.specs = tuple(specs)
        self.architecture = architecture
        self.stage = stage
        self._features = features
        self._hardware = hardware
        self._label_N = label_N
        batch_size = specs[0].configuration.training.batch_size
        self._steps_of_epoch = 1 if label_N is None else steps_of_epoch(len(label_N), batch_size)
        self.mixtures = self._drawn(epoch=0)
        for model, spec in enumerate(specs):
            self.mixtures.configure(model, spec.configuration.model)
        self._start_stage(epoch=1)

    def enter_stage(self, stage: Stage, epoch: int) -> None:
        """Begin another stage with a fresh optimizer, after an epoch."""
        states = [self.mixtures.state_of(model) for model in range(len(self.specs))]
        kept = {name for name in states[0] if not stage.experts or part_of(name) == "gate"}
        self._turn_to(stage)
        self.mixtures = self._drawn(0 if stage.experts == "same" else epoch)
        drawn = [self.mixtures.state_of(model) for model in range(len(self.specs))]
        self.mixtures.load_states(
            [
                {name: before[name] if name in kept else new for name, new in after.items()}
                for before, after in zip(states, drawn, strict=True)
            ]
        )
        self._start_stage(self._epoch)

    def begin_epoch(self, epoch: int) -> None:
        """Go into training mode, but for what is frozen, at the temperatures of an epoch from 1."""
        self._epoch = epoch
        self._rates.begin_epoch(place_in_stage(self.specs[0].configuration, epoch))
        self.mixtures.set_training(self.stage.frozen)
        self._draw_noise()
        if self._pretraining:
            self._pretraining.begin_epoch(epoch)
        now = [temperatures(spec.configuration, epoch) for spec in self.specs]
        device = self._hardware.device
        self._softening_P = torch.tensor([t.experts / t.gate for t in now], device=device)
        self.mixtures.temperature_P.copy_(torch.tensor([t.gate for t in now]))

    def step(self, x: Tensor, label_B: Tensor) -> Tensor:
        """One step of the optimizer for every model; returns the losses before it, [P]."""
        self._optimizer.zero_grad()
        if self._pretraining:
            with self._precision():
                outputs_PMCB = self.mixtures.experts(x).outputs_PMCB
            loss_P = self._pretraining.losses(outputs_PMCB, label_B)
            torch.autograd.backward(loss_P.sum())
        else:
            loss_P = self._backward(x, label_B)
        self._optimizer.step(self._rates.next())
        return loss_P.detach()

    def losses(self, x: Tensor, label_B: Tensor) -> Tensor:
        """Each model's training loss on a batch with its regularizers, [P]."""
        with self._precision():
            logits_PMB, experts = self.mixtures.answers(x)
        return self._losses(x, label_B, logits_PMB, experts)

    def select(self, models: Sequence[int]) -> None:
        """Train on with some of the models; their weights and optimizer states are kept."""
        snapshots = [self.snapshot_of(model) for model in models]
        self.specs = tuple(self.specs[model] for model in models)
        self.resume(self.stage, self._epoch, snapshots)

    def resume(self, stage: Stage, epoch: int, snapshots: Sequence[Snapshot]) -> None:
        """Take up what each model was after the same epoch of a stage."""
        self._turn_to(stage)
        self.mixtures = self._mixtures()
        self.mixtures.load_states([snapshot.weights for snapshot in snapshots])
        self._start_stage(epoch)
        self._optimizer.load([snapshot.optimizer for snapshot in snapshots])

    def snapshot_of(self, model: int) -> Snapshot:
        """All that one model needs to be trained on, alone or among others."""
        return Snapshot(self.mixtures.state_of(model), self._optimizer.state_of(model))

    def state_of(self, model: int) -> State:
        """A copy of one model's weights."""
        return self.mixtures.state_of(model)

    def with_states(
        self, models: Sequence[int], states: Sequence[State], epochs: Iterable[int]
    ) -> Mixtures:
        """Some of the models as they were after an epoch each, in order, beside the population."""
        configurations = [self.specs[model].configuration for model in models]
        mixtures = build(
            self.architecture,
            [expert_count(configuration) for configuration in configurations],
            [temperatures(*each).gate for each in zip(configurations, epochs, strict=True)],
            self._hardware.fused,
        )
        mixtures.load_states(states)
        return mixtures.to(self._hardware.device)

    def _backward(self, x: Tensor, label_B: Tensor) -> Tensor:
        """Gradients of experts and gate; returns the losses, [P]."""
        with self._precision():
            logits_PMB, experts = self.mixtures.answers(x)
        loss_P = self._losses(x, label_B, logits_PMB, experts)
        dual = self.specs[0].configuration.model.dual_temperature != 1
        if dual and self.stage.frozen is None:
            self._dual_backward(loss_P, logits_PMB, experts.outputs_PMCB, label_B)
        else:
            torch.autograd.backward(loss_P.sum())
        self._rebalance(logits_PMB.detach())
        return loss_P

    def _rebalance(self, logits_PMB: Tensor) -> None:
        """Move the biases that experts are chosen by, where there are any and the gate learns."""
        gate = self.mixtures.gate
        if gate is not None and self.architecture.rule.biased and self.stage.frozen != "gate":
            rates = [spec.configuration.regularizer.bias_rate for spec in self.specs]
            rate_P = torch.tensor(rates, device=self._hardware.device)
            gate.rebalance(self._rule.chosen(logits_PMB), rate_P)

    def _dual_backward(
        self, loss_P: Tensor, logits_PMB: Tensor, outputs_PMCB: Tensor, label_B: Tensor
    ) -> None:
        """Dual temperature: the gate learns from the loss, the experts from one of their own.

        Theirs is the output rule's loss at their gate temperature, without regularizers. Two losses
        share one forward pass: each is differentiated by what learns from it alone, which is
        freezing the other. Source: the two-temperature training of arXiv 2302.14703's authors.
        """
        softer_PMB = logits_PMB / self._softening_P[:, None, None]
        experts_loss_P = self._label_loss(softer_PMB, outputs_PMCB, label_B)
        experts, gate = self.mixtures.parameters_of("experts"), self.mixtures.parameters_of("gate")
        torch.autograd.backward(experts_loss_P.sum(), inputs=experts, retain_graph=True)
        torch.autograd.backward(loss_P.sum(), inputs=gate)

    def _losses(
        self, x: Tensor, label_B: Tensor, logits_PMB: Tensor, experts: ExpertOutputs
    ) -> Tensor:
        loss_P = self._label_loss(logits_PMB, experts.outputs_PMCB, label_B)
        answers = Answers(logits_PMB, experts, self.mixtures.gate, self._rule)
        batch = Batch(x, label_B, self._features, answers)
        p_PMB = logits_PMB.softmax(1)
        kept = [spec.configuration.regularizer.shares == "kept" for spec in self.specs]
        if any(kept):
            kept_P11 = torch.tensor(kept, device=p_PMB.device)[:, None, None]
            p_PMB = torch.where(kept_P11, self._rule.distribution(logits_PMB), p_PMB)
        return self._regularization.added_to(loss_P, p_PMB, self.mixtures.axis, batch)

    def _draw_noise(self) -> None:
        """Give dropouts and gates with noise the epoch's; an expert's depends on no other."""
        seed, epoch, gate = self.specs[0].seed, self._epoch, self.mixtures.gate
        self.mixtures.draw_from(partial(generator, seed, Stream.DROPOUT, epoch))
        if gate is not None and GATES[self.architecture.gate or ""].noisy:
            places = range(max(self.mixtures.axis.experts))
            gate.random = [generator(seed, Stream.NOISE, epoch, expert) for expert in places]

    def _precision(self) -> AbstractContextManager[object]:
        """A context whose products have the precision of the training."""
        if self.specs[0].configuration.training.precision == "float32":
            return nullcontext()
        return torch.autocast(self._hardware.device.type, torch.bfloat16)

    def _turn_to(self, stage: Stage) -> None:
        """Be of a stage, whose gate may be of another kind."""
        self.stage = stage
        self.architecture = replace(self.architecture, gate=stage.gate or self.architecture.gate)

    def _mixtures(self) -> Mixtures:
        return build(
            self.architecture,
            [expert_count(spec.configuration) for spec in self.specs],
            [spec.configuration.model.temperature for spec in self.specs],
            self._hardware.fused,
        )

    def _drawn(self, epoch: int) -> Mixtures:
        """Models with the weights that are drawn after an epoch."""
        mixtures = self._mixtures()
        for model, spec in enumerate(self.specs):
            mixtures.initialise(model, generator(spec.seed, Stream.WEIGHTS, epoch))
        return mixtures

    def _start_stage(self, epoch: int) -> None:
        """Set up what models that have their weights need of a stage: losses, an optimizer."""
        self.mixtures.to(self._hardware.device)
        self._rule = self.mixtures.rule()
        pretrained = self.stage.pretraining
        self._pretraining = (
            Pretraining(self.stage, self.specs, self.mixtures) if pretrained else None
        )
        regularizers = [spec.configuration.regularizer for spec in self.specs]
        used = regularizers if self.stage.regularized else [Regularizer()] * len(regularizers)
        self._regularization = Regularization(used, self._hardware.device)
        training = [spec.configuration.training for spec in self.specs]
        if not self.stage.regularized:
            training = [own.model_copy(update={"weight_decay": 0.0}) for own in training]
        self._label_loss = self._loss_on_labels(training)
        self._rates = Rates(training, self.stage.epochs, self._steps_of_epoch)
        self.begin_epoch(epoch)
        kind = OPTIMIZERS[training[0].optimizer].load_class(PopulationOptimizer)
        self._optimizer = kind(self.mixtures, training, self._hardware.fused)

    def _loss_on_labels(self, training: Sequence[Training]) -> LabelLoss:
        """The output rule's, with each model's smoothing and class weights."""
        device, smoothing_P, weight_PC = self._hardware.device, None, None
        if any(own.label_smoothing for own in training):
            smoothing_P = torch.tensor([own.label_smoothing for own in training], device=device)
        if self._label_N is not None and any(own.class_weights != "none" for own in training):
            weight_C = balanced(self._label_N, self.architecture.classes)
            by_name = {"balanced": weight_C, "none": torch.ones_like(weight_C)}
            weight_PC = torch.stack([by_name[own.class_weights] for own in training])
        return LabelLoss(self._rule, smoothing_P, weight_PC)
