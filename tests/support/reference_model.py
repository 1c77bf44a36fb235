"""The plain way: one torch module per network and loops over experts, as the authors train.

The reference for tests and benchmarks: it shares no code with the package.

Shape suffixes: B sample, M expert, C class.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": partial(torch.optim.SGD, momentum=0.9),
}
"""Torch's own, by the names that studies give them."""


def layer_list(layers: Sequence[Any]) -> list[Any]:
    """Layer descriptions as in study.yaml, from typed ones."""
    return [layer if isinstance(layer, str) else layer.model_dump() for layer in layers]


class PlainNetwork(nn.Module):
    """Body, ReLU, linear head, from a list of layer descriptions as in study.yaml."""

    def __init__(self, layers: Sequence[Any], shape: tuple[int, ...], outputs: int | None) -> None:
        super().__init__()
        body: list[nn.Module] = []
        image = len(shape) == 3
        for layer in layers:
            if layer == "relu":
                body.append(nn.ReLU())
            elif layer == "batch_norm":
                body.append(nn.BatchNorm2d(shape[0]) if image else nn.BatchNorm1d(shape[0]))
            elif "conv" in layer:
                k, p = layer.get("kernel", 3), layer.get("padding", 0)
                body.append(
                    nn.Conv2d(shape[0], layer["conv"], k, padding=p, bias=layer.get("bias", True))
                )
                shape = (layer["conv"], shape[1] + 2 * p - k + 1, shape[2] + 2 * p - k + 1)
            elif "max_pool" in layer:
                body.append(nn.MaxPool2d(layer["max_pool"]))
                shape = (shape[0], shape[1] // layer["max_pool"], shape[2] // layer["max_pool"])
            else:
                if image:
                    body.append(nn.Flatten())
                    shape, image = (shape[0] * shape[1] * shape[2],), False
                body.append(nn.Linear(shape[0], layer["linear"]))
                shape = (layer["linear"],)
        if image:
            body.append(nn.Flatten())
            shape = (shape[0] * shape[1] * shape[2],)
        self.body = nn.Sequential(*body)
        self.head = nn.Linear(shape[0], outputs) if outputs is not None else None
        self.width = shape[0]

    def hidden(self, x: Tensor) -> Tensor:
        h: Tensor = self.body(x)
        return h

    def forward(self, x: Tensor) -> Tensor:
        assert self.head is not None
        y: Tensor = self.head(F.relu(self.hidden(x)))
        return y


class PlainMixture(nn.Module):
    """A mixture of experts with a loop over its experts; without a gate for kind ``single``."""

    def __init__(
        self,
        expert: Sequence[Any],
        gate: Sequence[Any],
        shape: tuple[int, ...],
        classes: int,
        experts: int,
        kind: str = "original",
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.kind, self.temperature = kind, temperature
        self.experts = nn.ModuleList(PlainNetwork(expert, shape, classes) for _ in range(experts))
        if kind not in ("single", "loudest"):
            scored = kind in ("original", "expert_loss")
            self.gate = PlainNetwork(gate, shape, experts if scored else None)
        if "cosine" in kind:
            self.vectors = nn.Parameter(torch.zeros(experts, self.gate.width))
            self.perturbation = 0.0
        if kind == "attentive":
            self.query = nn.Linear(self.gate.width, self.gate.width, bias=False)
            self.key = nn.Linear(self.gate.width, self.gate.width, bias=False)

    def logits(self, x: Tensor) -> Tensor:
        """[B, M], over temperature."""
        if self.kind == "single":
            return x.new_zeros(len(x), 1)
        if self.kind in ("original", "expert_loss"):
            scores: Tensor = self.gate(x)
        elif self.kind == "loudest":
            outputs = self.outputs(x).detach()
            scores = (outputs * outputs.log2()).sum(2)
        elif "cosine" in self.kind:
            hidden = self.gate.hidden(x)
            scores = torch.stack([self._cosine(hidden, w) for w in self.vectors], 1)
        else:
            query = self.query(self.gate.hidden(x))
            keys = [self.key(expert.hidden(x)) for expert in self.experts]  # type: ignore[operator]
            scores = torch.stack([(query * key).sum(1) for key in keys], 1)
            scores = scores / self.gate.width**0.5
        return scores / self.temperature

    def _cosine(self, h: Tensor, w: Tensor) -> Tensor:
        h_norm = h.square().sum(1).sqrt() + self.perturbation
        return (h * w).sum(1) / (h_norm * (w.square().sum().sqrt() + self.perturbation))

    def outputs(self, x: Tensor) -> Tensor:
        """[B, M, C]."""
        return torch.stack([F.softmax(expert(x), 1) for expert in self.experts], 1)

    def load(self, weights: dict[str, npt.NDArray[Any]]) -> None:
        """Take the weights of one model of a population."""
        state = tensors(weights)
        for n, expert in enumerate(self.experts):
            assert isinstance(expert, PlainNetwork)
            load_body(expert, state, "bodies.", n)
            assert expert.head is not None
            expert.head.load_state_dict(
                {"weight": state["heads.weight"][n], "bias": state["heads.bias"][n]}
            )
        if self.kind in ("single", "loudest"):
            return
        load_body(self.gate, state, "gate.body.", 0)
        if self.kind in ("original", "expert_loss"):
            assert self.gate.head is not None
            weight, bias = state["gate.head.weight"].squeeze(1), state["gate.head.bias"].squeeze(1)
            self.gate.head.load_state_dict({"weight": weight, "bias": bias})
        elif "cosine" in self.kind:
            self.vectors.data = state["gate.head.weight"].clone()
            self.perturbation = state.get("gate.perturbation", torch.zeros(1)).item()
        else:
            self.query.load_state_dict({"weight": state["gate.query.weight"][0]})
            self.key.load_state_dict({"weight": state["gate.key.weight"][0]})


def tensors(weights: dict[str, npt.NDArray[Any]]) -> dict[str, Tensor]:
    """Weights that torch's own modules load."""
    return {name: torch.tensor(array) for name, array in weights.items()}


def load_body(network: PlainNetwork, state: dict[str, Tensor], prefix: str, n: int) -> None:
    """Parameters and statistics in the order in which both sides keep them."""
    own = {
        name: tensor
        for name, tensor in network.body.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    given = [tensor[n] for name, tensor in state.items() if name.startswith(prefix + "stages.")]
    assert len(own) == len(given)
    named = {
        name: new.reshape(old.shape) for (name, old), new in zip(own.items(), given, strict=True)
    }
    network.body.load_state_dict(named, strict=False)


def mixture_loss(model: PlainMixture, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """-log(sum_e p_e o_e[y] + 1e-7), mean over the batch; and p [B, M]."""
    p = F.softmax(model.logits(x), 1)
    mixed = (p.unsqueeze(2) * model.outputs(x)).sum(1)
    return -(mixed.gather(1, y.unsqueeze(1)) + 1e-7).log().mean(), p


def rule_losses(
    logits_BM: Tensor, outputs_BMC: Tensor, y_B: Tensor, kind: str = "mixture", k: int = 1
) -> Tensor:
    """Each sample's loss under an output rule, [B], sample after sample."""
    losses = []
    for logits_M, outputs_MC, y in zip(logits_BM, outputs_BMC, y_B.tolist(), strict=True):
        p_M = F.softmax(logits_M, 0)
        if kind == "stochastic":
            error_M = [-torch.log(output_C[y] + 1e-7) for output_C in outputs_MC]
            terms = [p * torch.exp(-error / 2) for p, error in zip(p_M, error_M, strict=True)]
            losses.append(-torch.log(_total(terms) + 1e-15))
            continue
        if kind == "expert_loss":
            right_M = torch.stack([output_C[y] for output_C in outputs_MC])
            misses = (logits_M - torch.log(right_M.detach() + 1e-15)).abs()
            losses.append(misses.sum() - torch.log(right_M[int(logits_M.argmax())] + 1e-7))
            continue
        if kind == "top_k" and k == 1:
            best = int(p_M.argmax())
            answer_C = F.softmax(p_M[best] * outputs_MC[best], 0)
        else:
            answer_C = answer(_kept(p_M, k) if kind == "top_k" else p_M, outputs_MC, kind)
        losses.append(-torch.log(answer_C[y] + (0 if kind == "product" else 1e-7)))
    return torch.stack(losses)


def answer(p_M: Tensor, outputs_MC: Tensor, kind: str = "mixture") -> Tensor:
    """A sample's class probabilities, [C]: experts' mean, or their product over its sum."""
    if kind != "product":
        return _total([p * o_C for p, o_C in zip(p_M, outputs_MC, strict=True)])
    product_C = torch.ones_like(outputs_MC[0])
    for p, output_C in zip(p_M, outputs_MC, strict=True):
        product_C = product_C * output_C**p
    return product_C / product_C.sum()


def inference_gate(logits_BM: Tensor, kind: str = "mixture", k: int = 1) -> Tensor:
    """The distribution over experts with which a rule answers, [B, M], sample after sample."""
    rows = []
    for logits_M in logits_BM:
        p_M = F.softmax(logits_M, 0)
        if kind not in ("mixture", "product"):
            p_M = _kept(p_M, k if kind == "top_k" else 1)
        rows.append(p_M)
    return torch.stack(rows)


def _kept(p_M: Tensor, k: int) -> Tensor:
    """The k largest probabilities over their sum, 0 elsewhere."""
    ranked = p_M.argsort(descending=True).tolist()
    total = _total([p_M[e] for e in ranked[:k]])
    zero = torch.zeros_like(total)
    return torch.stack([p / total if e in ranked[:k] else zero for e, p in enumerate(p_M)])


def _total(terms: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(terms)).sum(0)


def importance_loss(p: Tensor) -> Tensor:
    """(std / mean)^2 of the experts' summed probabilities, unbiased."""
    if p.shape[1] == 1:
        return p.new_zeros(())
    total = p.sum(0)
    return (total.std() / total.mean()) ** 2


def similarity_loss(
    p: Tensor, x: Tensor, beta_s: float, beta_d: float, squared: bool = False
) -> Tensor:
    """beta_s S - beta_d X / B^2 of the authors' code, with its loop over pairs of experts."""
    flat = x.flatten(1)
    distance = torch.cdist(flat, flat, compute_mode="donot_use_mm_for_euclid_dist")
    distance = distance**2 if squared else distance
    experts = p.shape[1]
    same = p.new_zeros(())
    different = p.new_zeros(())
    for e in range(experts):
        for f in range(experts):
            term = (distance * torch.outer(p[:, e], p[:, f])).sum()
            if e == f:
                same = same + term / experts
            else:
                different = different + term / (experts**2 - experts)
    return beta_s * same - beta_d * different / len(x) ** 2
