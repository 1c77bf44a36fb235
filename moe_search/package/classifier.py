"""The model a user takes away: one mixture behind an ordinary interface.

Shape suffixes: B sample, C class, M expert; S what experts and gate take: channels, H, W or F. x is
[B, channels, H, W] or [B, F].
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from moe_search.data.preprocessing import Preprocessing
from moe_search.moe.mixtures import Mixtures
from moe_search.progress import Progress, silent


class Classifier(nn.Module):
    """A trained mixture of experts (or a single network) with its normalisation.

    Args:
        mixtures: a population of one.
        mean, std: of each channel (image) or feature, as in training.
        labels: class names in the order of the outputs.
        preprocessing: how raw samples become its input (see ``data.preprocessing``).

    Input: images [B, C, H, W] with pixels 0..1, or features [B, F], not normalised; float32, or
    float64 where the differences of large values need it. Grey images may be [B, H, W]. Where a
    pre-trained network makes features of images, either will do; its weights are looked for when
    images first come.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        mixtures: Mixtures,
        mean: Sequence[float],
        std: Sequence[float],
        labels: Sequence[str],
        preprocessing: Preprocessing | None = None,
    ) -> None:
        super().__init__()
        self.mixtures = mixtures
        self.labels = tuple(labels)
        self._rule = mixtures.rule()
        self.preprocessing = preprocessing
        self._moments = (tuple(mean), tuple(std))  # in double precision
        per_channel = (-1, *[1] * (len(mixtures.architecture.shape)))
        self.register_buffer("mean", torch.tensor(mean).view(per_channel), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(per_channel), persistent=False)

    def seen(self, x: Tensor, progress: Progress = silent) -> Tensor:
        """What experts and gate see of samples, [B, S]: features where a network makes them.

        All methods that take samples take this, too, and then need not make the features again.

        Args:
            x: as ``forward`` takes it.
            progress: told where weights are downloaded.

        Raises:
            UserError: the network's weights are not here, or are others.
        """
        extractor = self.preprocessing and self.preprocessing.extractor
        if not extractor or x.ndim == 2:
            return x
        from moe_search.data.frozen_network import open_network  # few models need torchvision

        x = _with_channels(x, extractor.shape)
        features: Tensor = open_network(extractor, progress).to(x.device)(x)
        return features

    def forward(self, x: Tensor) -> Tensor:
        """Class probabilities [B, C] by the model's output rule."""
        logits_1MB, outputs_1MCB = self.mixtures(self._inner(x))
        p_1MB = self._rule.inference_gate(logits_1MB)
        return self._rule.answer(p_1MB, outputs_1MCB)[0].t()

    def gate(self, x: Tensor) -> Tensor:
        """The gate's distribution over experts [B, M] that the output rule uses.

        No expert is evaluated for it where the gate does not need them.
        """
        inner = self._inner(x)
        if self.mixtures.gate_needs_experts:
            logits_1MB, _ = self.mixtures(inner)
        else:
            logits_1MB = self.mixtures.gate_logits(inner)
        return self._rule.inference_gate(logits_1MB)[0].t()

    def experts(self, x: Tensor) -> Tensor:
        """Each expert's class probabilities [B, M, C]."""
        _, outputs_1MCB = self.mixtures(self._inner(x))
        outputs_BMC: Tensor = outputs_1MCB[0].permute(2, 0, 1)
        return outputs_BMC

    def top1(self, x: Tensor) -> Tensor:
        """Class probabilities [B, C] of each sample's most probable expert, evaluating only it.

        Raises:
            ValueError: the gate needs every expert, as an attentive one does.
        """
        if self.mixtures.gate_needs_experts:
            raise ValueError(
                f"the {self.mixtures.architecture.gate} gate evaluates every expert; top-1 "
                "prediction needs one that does not, such as an original gate"
            )
        inner = self._inner(x)
        best_B = self._rule.ranked(self.mixtures.gate_logits(inner))[0].argmax(0)
        output_CB = inner.new_zeros(self.mixtures.architecture.classes, len(x))
        for expert in torch.unique(best_B).tolist():
            chosen = (best_B == expert).nonzero().squeeze(1)
            output_CB[:, chosen] = self.mixtures.expert(expert, inner[..., chosen])
        return output_CB.t()

    def _inner(self, x: Tensor) -> Tensor:
        x = _with_channels(self.seen(x), self.mixtures.architecture.shape)
        mean, std = self.mean, self.std
        if x.dtype == torch.float64:
            mean, std = (torch.tensor(each).to(x).view(mean.shape) for each in self._moments)
        return ((x.movedim(0, -1) - mean) / std).to(self.mean.dtype).contiguous()


def _with_channels(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Samples [B, S] of a shape [S]; grey images may lack their channel."""
    if len(shape) == 3 and (1, *x.shape[1:]) == shape:
        x = x.unsqueeze(1)
    if tuple(x.shape[1:]) != shape:
        raise ValueError(f"expected input [batch, {', '.join(map(str, shape))}], got {[*x.shape]}")
    return x
