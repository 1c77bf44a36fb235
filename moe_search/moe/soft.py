"""Soft MoE: experts that share the positions of every sample softly.

Shape suffixes: P model, N expert of any model, M expert within its model, S slot of an expert,
R slot of a model (M times S), T token, I width of a token, D width of the hidden representation,
C class, B sample, A token or slot of any sample.

Source: "From Sparse to Soft Mixtures of Experts" (Puigcerver et al., arXiv 2308.00951). A sample's
tokens x_t are the positions of a feature map. With z_tr = scale <x_t/|x_t|, w_r/|w_r|> / T, slot r
gets sum_t softmax_t(z_tr) x_t, its expert answers y_r, and token t gets back
sum_r softmax_r(z_tr) y_r. Here one linear layer makes classes of the mean over tokens of these.

The decomposition: let c_r be the mean over tokens of softmax_r(z_tr). p(e|x) is the sum of c_r over
an expert's slots, h_e = sum_r c_r y_r / p(e|x) the mean of what it answers, and
o_e = softmax(W h_e + b) what it says alone. The mean over tokens is sum_e p_e h_e and p sums to 1,
so the model's softmax(W sum_e p_e h_e + b) is softmax(sum_e p_e log o_e), the output rule
``product``.

One expert, however large, cannot represent some simple convex functions, and many small ones come
to specialise ("Beyond Parameter Count: Implicit Bias in Soft Mixture of Experts", Chung et al.,
arXiv 2409.00879): the number of experts matters at any number of parameters.
"""

import torch
from torch import Generator, Tensor, nn

from moe_search.moe.gates.base import ExpertOutputs
from moe_search.moe.layers.base import Weighted
from moe_search.moe.layers.dense import Dense
from moe_search.moe.mixtures import Mixtures
from moe_search.moe.stack import StackedNetworks
from moe_search.ops.invariant import rowwise_product, spread_over_experts
from moe_search.spec.backbones import dense_layers, feature_map

_SMALLEST = 1e-30  # keeps logarithms and quotients of probabilities finite


class SoftMixtures(Mixtures):
    """P Soft MoEs of one architecture with their own expert counts and temperatures.

    The feature map is that of the gate's layers before its first dense one; the experts are their
    own dense layers on slots.
    """

    per_expert = ("bodies.", "slots.")

    def _build(self, fused: bool) -> None:
        shared, models, experts = self.architecture, self.axis.models, sum(self.axis.experts)
        trunk, (width, *_) = feature_map(shared.backbone, shared.shape)
        self.trunk = StackedNetworks(trunk, shared.shape, models, fused)
        self.slots = Weighted(experts, (shared.slots, width), width, bias=False)
        self.scale_P = nn.Parameter(torch.ones(models))
        layers = dense_layers(shared.backbone.expert)
        self.bodies = StackedNetworks(layers, (width,), experts, fused)
        self.heads = Dense(models, self.bodies.width, shared.classes)
        self.gate = None

    def answers(self, x: Tensor) -> tuple[Tensor, ExpertOutputs]:
        """log p(e|x) [P, M, B], and each expert's mean answer h_e with what it says alone."""
        width, samples = self.slots.weight.shape[2], x.shape[-1]
        token_PITB = self.trunk(x).view(self.axis.models, width, -1, samples)
        z_PMSTB = self._scores(token_PITB)
        combine_PMSB = self._combine(z_PMSTB)
        p_PMB = combine_PMSB.sum(2).clamp(min=_SMALLEST)
        hidden_PMDSB = self._hidden(token_PITB, z_PMSTB.softmax(3))
        share_PMSB = combine_PMSB / p_PMB.unsqueeze(2)
        mean_PMDB = (hidden_PMDSB * share_PMSB.unsqueeze(2)).sum(3)
        outputs_PMCB = self._classes(mean_PMDB).softmax(2)
        experts = ExpertOutputs(self.axis.unfold(mean_PMDB), outputs_PMCB)
        return self.axis.mask(p_PMB.log()), experts

    def gate_logits(self, x: Tensor, experts: ExpertOutputs | None = None) -> Tensor:
        """log p(e|x) [P, M, B]."""
        logits_PMB, _ = self.forward(x)
        return logits_PMB

    def expert(self, expert: int, x: Tensor) -> Tensor:
        """Class probabilities [C, B] of one expert of the ragged axis; all are evaluated."""
        return self.axis.unfold(self.forward(x)[1])[expert]

    def initialise(self, model: int, generator: Generator) -> None:
        """Draw one model's weights: trunk, then expert after expert (slots, body), the head."""
        self.trunk.initialise(model, generator)
        for expert in self.axis.experts_of(model):
            self.slots.initialise(expert, generator)
            self.bodies.initialise(expert, generator)
        self.heads.initialise(model, generator)

    def _scores(self, token_PITB: Tensor) -> Tensor:
        """z [P, M, S, T, B]: how well each token fits each slot."""
        direction_PMSI = self.axis.fold(_direction(self.slots.weight, 2))
        models, experts, slots, _ = direction_PMSI.shape
        sharpness_PM = spread_over_experts(self.scale_P / self.temperature_P, experts)
        slot_PMSI = direction_PMSI * sharpness_PM[:, :, None, None]
        token_PIA = _direction(token_PITB, 1).flatten(2)
        z_PRA = rowwise_product(slot_PMSI.flatten(1, 2), token_PIA)
        return z_PRA.reshape(models, experts, slots, *token_PITB.shape[2:])

    def _combine(self, z_PMSTB: Tensor) -> Tensor:
        """c [P, M, S, B]: the share of each slot in what a sample's tokens get on average."""
        there_PM = self.axis.present_PM[:, :, None, None, None]
        z_PRTB = z_PMSTB.masked_fill(~there_PM, -torch.inf).flatten(1, 2)
        return z_PRTB.softmax(1).mean(2).view(*z_PMSTB.shape[:3], -1)

    def _hidden(self, token_PITB: Tensor, dispatch_PMSTB: Tensor) -> Tensor:
        """What each expert answers to its slots, [P, M, D, S, B]."""
        models, experts, slots, _, samples = dispatch_PMSTB.shape
        token_PMITB = spread_over_experts(token_PITB, experts)
        # a sum of products, because small matrix products round otherwise in other company
        slot_PMSIB = (dispatch_PMSTB.unsqueeze(3) * token_PMITB.unsqueeze(2)).sum(4)
        slot_NISB = self.axis.unfold(slot_PMSIB.transpose(2, 3))
        hidden_NDA = self.bodies(slot_NISB.flatten(2))
        return self.axis.fold(hidden_NDA).view(models, experts, -1, slots, samples)

    def _classes(self, mean_PMDB: Tensor) -> Tensor:
        """What the model's one head makes of each expert's mean answer, [P, M, C, B]."""
        models, experts = mean_PMDB.shape[:2]
        weight_PMCD = spread_over_experts(self.heads.weight, experts)
        bias_PMC = spread_over_experts(self.heads.biases(slice(None)), experts)
        classes = torch.baddbmm(
            bias_PMC.flatten(0, 1).unsqueeze(2), weight_PMCD.flatten(0, 1), mean_PMDB.flatten(0, 1)
        )
        return classes.view(models, experts, *classes.shape[1:]).to(mean_PMDB.dtype)


def _direction(vectors: Tensor, dim: int) -> Tensor:
    """Each vector over its length."""
    length: Tensor = torch.linalg.vector_norm(vectors, dim=dim, keepdim=True)
    return vectors / length.clamp(min=1e-6)
