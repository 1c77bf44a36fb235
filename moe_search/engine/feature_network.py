"""A network trained on the same data, in whose outputs L_s may take its distances.

Shape suffixes: C class, D width of the hidden representation, B sample.
"""

from collections.abc import Callable, Collection
from functools import partial

import torch
from torch import Tensor

from moe_search.engine.hardware import Hardware
from moe_search.engine.resident import Resident
from moe_search.engine.train import Caller, Trainer
from moe_search.engine.trial import Job, Report, TrialFailure, TrialResult, TrialSpec
from moe_search.moe.architecture import Architecture
from moe_search.moe.mixtures import Mixtures
from moe_search.moe.terms.base import Features
from moe_search.spec.configuration import Configuration, Model, Training

_KEY = -1  # no trial's
_SEED = 2_000_000_000  # far from those of searches and finals


class FeatureNetworks:
    """Networks of features on one data set, each trained when a job first needs it.

    A network is one of the backbone's experts alone, trained from a seed of its own on the training
    split, for as many epochs and in batches as large as the trials, at the default learning rate.
    All trials that can train in step have the same one, whichever worker trains it and whenever, so
    nothing has to be passed between workers or kept for a later run.

    Args:
        hardware: where to train.
        dropped: asked after each epoch; raises where training is to end.
    """

    def __init__(self, hardware: Hardware, dropped: Callable[[], Collection[int]] = tuple) -> None:
        self._hardware = hardware
        self._dropped = dropped
        self._known: dict[TrialSpec, Features] = {}

    def of(self, job: Job, data: Resident) -> Features | None:
        """The features of a job's trials; None if none of them uses any.

        Raises:
            ArithmeticError: the network's loss is not finite.
        """
        if not any(spec.configuration.regularizer.needs_network for spec in job.trials):
            return None
        first = job.trials[0].configuration
        model = Model(kind="single", backbone=job.architecture.backbone)
        training = Training(epochs=first.training.epochs, batch_size=first.training.batch_size)
        configuration = Configuration(model=model, training=training)
        spec = TrialSpec(_KEY, configuration, _SEED)
        if spec not in self._known:
            networks = job.architecture.backbone
            single = Architecture.of(configuration, networks, data.shape, data.classes)
            self._known[spec] = self._train(Job((spec,), single, job.source), data)
        return self._known[spec]

    def _train(self, job: Job, data: Resident) -> Features:
        reports: list[Report] = []
        Trainer(job, data, self._hardware, Caller(reports.append, self._dropped)).run()
        result = reports[-1]
        if isinstance(result, TrialFailure):
            raise ArithmeticError(f"the network of L_s's features: {result.reason}")
        assert isinstance(result, TrialResult)
        network = Mixtures(result.architecture, [result.experts], [1.0], self._hardware.fused)
        network.load_states([result.state])
        return partial(_logits, network.to(self._hardware.device).eval())


@torch.no_grad()
def _logits(network: Mixtures, x: Tensor) -> Tensor:
    """What the network says before its softmax, [C, B]: the features of arXiv 2302.14703's code."""
    hidden_1DB = network.bodies(x)
    logits_1CB: Tensor = network.heads(hidden_1DB)
    return logits_1CB[0]
