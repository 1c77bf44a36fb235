"""The plain way: one torch module per network and loops over experts, as the authors train.

The reference for tests and benchmarks: it shares no code with the package. Members of open sets
have their plain forms in dictionaries; tests skip a member that has none, and say so.

Shape suffixes: B sample, M expert, C class.
"""

from collections.abc import Callable, Iterator, Sequence
from math import prod, sqrt
from typing import Any, NamedTuple

import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

Shape = tuple[int, ...]

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}
"""Torch's own, by the names that studies give them."""


def optimizer(parameters: Iterator[nn.Parameter], training: Any) -> torch.optim.Optimizer:
    """Torch's own, with a training's numbers."""
    named = {"lr": training.lr, "weight_decay": training.weight_decay}
    if training.optimizer == "sgd":
        named["momentum"] = training.momentum
    return OPTIMIZERS[training.optimizer](parameters, **named)


Schedule = torch.optim.lr_scheduler.LRScheduler
SCHEDULES: dict[str, Callable[[torch.optim.Optimizer, Any, int, int], Schedule]] = {
    "constant": lambda optimizer, training, steps, steps_of_epoch: (
        torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0)
    ),
    "cosine": lambda optimizer, training, steps, steps_of_epoch: (
        torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    ),
    "one_cycle": lambda optimizer, training, steps, steps_of_epoch: (
        torch.optim.lr_scheduler.OneCycleLR(optimizer, training.lr, steps, cycle_momentum=False)
    ),
    "step": lambda optimizer, training, steps, steps_of_epoch: torch.optim.lr_scheduler.StepLR(
        optimizer, training.step_epochs * steps_of_epoch, training.step_factor
    ),
}
"""Torch's own, from a training, its steps and those of an epoch."""


def schedule(
    optimizer: torch.optim.Optimizer, training: Any, steps: int, steps_of_epoch: int
) -> Schedule:
    """A schedule as torch has it, behind a warmup of torch's."""
    warmup = round(training.warmup * steps)
    make = SCHEDULES[training.schedule]
    if not warmup:
        return make(optimizer, training, steps, steps_of_epoch)
    rising = torch.optim.lr_scheduler.LinearLR(optimizer, 1 / warmup, 1.0, max(1, warmup - 1))
    main = make(optimizer, training, steps - warmup, steps_of_epoch)
    return torch.optim.lr_scheduler.SequentialLR(optimizer, [rising, main], [warmup])


def layer_list(layers: Sequence[Any]) -> list[Any]:
    """Layer descriptions as in study.yaml, from typed ones."""
    return [layer if isinstance(layer, str) else layer.model_dump() for layer in layers]


def _conv(layer: Any, shape: Shape) -> tuple[nn.Module, Shape]:
    k, p, s = layer.get("kernel", 3), layer.get("padding", 0), layer.get("stride", 1)
    conv = nn.Conv2d(shape[0], layer["conv"], k, s, p, bias=layer.get("bias", True))
    return conv, (layer["conv"], *((side + 2 * p - k) // s + 1 for side in shape[1:]))


def _max_pool(layer: Any, shape: Shape) -> tuple[nn.Module, Shape]:
    size = layer["max_pool"]
    return nn.MaxPool2d(size), (shape[0], shape[1] // size, shape[2] // size)


def _avg_pool(layer: Any, shape: Shape) -> tuple[nn.Module, Shape]:
    size = layer["avg_pool"]
    return nn.AvgPool2d(size), (shape[0], shape[1] // size, shape[2] // size)


def _global_avg_pool(layer: Any, shape: Shape) -> tuple[nn.Module, Shape]:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), shape[:1]


def _linear(layer: Any, shape: Shape) -> tuple[nn.Module, Shape]:
    linear = nn.Linear(prod(shape), layer["linear"])
    flat = nn.Sequential(nn.Flatten(), linear) if len(shape) == 3 else linear
    return flat, (layer["linear"],)


def _batch_norm(layer: Any, shape: Shape) -> tuple[nn.Module, Shape]:
    image = len(shape) == 3
    return (nn.BatchNorm2d(shape[0]) if image else nn.BatchNorm1d(shape[0])), shape


class ChannelsLast(nn.Module):
    """A module on [B, ..., C] for [B, C, ...]."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.module(x.movedim(1, -1))
        return y.movedim(-1, 1)


def _layer_norm(layer: Any, shape: Shape) -> tuple[nn.Module, Shape]:
    return ChannelsLast(nn.LayerNorm(shape[0])), shape


class Added(nn.Module):
    """The sum of what two networks make of the same."""

    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x) + self.shortcut(x)
        return y


def _residual(layer: Any, shape: Shape) -> tuple[nn.Module, Shape]:
    body, after = _in_order(layer["residual"], shape)
    return Added(body, _in_order(layer.get("shortcut", ()), shape)[0]), after


def _in_order(layers: Sequence[Any], shape: Shape) -> tuple[nn.Sequential, Shape]:
    modules: list[nn.Module] = []
    for layer in layers:
        name = layer if isinstance(layer, str) else next(iter(layer))
        module, shape = LAYERS[name](layer, shape)
        modules.append(module)
    return nn.Sequential(*modules), shape


LAYERS: dict[str, Callable[[Any, Shape], tuple[nn.Module, Shape]]] = {
    "conv": _conv,
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "global_avg_pool": _global_avg_pool,
    "linear": _linear,
    "relu": lambda layer, shape: (nn.ReLU(), shape),
    "gelu": lambda layer, shape: (nn.GELU(), shape),
    "silu": lambda layer, shape: (nn.SiLU(), shape),
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "dropout": lambda layer, shape: (nn.Identity(), shape),  # as without anything to draw from
    "residual": _residual,
}
"""Torch's own by the names that studies give them, each with the shape of a sample after it."""


class PlainNetwork(nn.Module):
    """Body, ReLU, linear head, from a list of layer descriptions as in study.yaml."""

    def __init__(self, layers: Sequence[Any], shape: Shape, outputs: int | None) -> None:
        super().__init__()
        body, shape = _in_order(layers, shape)
        self.body = nn.Sequential(*body, *[nn.Flatten()] * (len(shape) == 3))
        self.width = prod(shape)
        self.head = nn.Linear(self.width, outputs) if outputs is not None else None

    def hidden(self, x: Tensor) -> Tensor:
        h: Tensor = self.body(x)
        return h

    def forward(self, x: Tensor) -> Tensor:
        assert self.head is not None
        y: Tensor = self.head(F.relu(self.hidden(x)))
        return y


class PlainGate(PlainNetwork):
    """A gate with a network of its own."""

    def __init__(self, layers: Sequence[Any], shape: Shape, experts: int) -> None:
        super().__init__(layers, shape, None)

    def scores(self, mixture: "PlainMixture", x: Tensor) -> Tensor:
        """[B, M], not over temperature."""
        raise NotImplementedError

    def load(self, state: dict[str, Tensor]) -> None:
        """Take the weights of one model of a population."""
        load_body(self, state, "gate.body.", 0)

    def rows(self) -> Tensor:
        """The vector [M, D] of each expert; of a gate without any, none."""
        return torch.zeros(0, self.width)


class PlainOriginal(PlainGate):
    def __init__(self, layers: Sequence[Any], shape: Shape, experts: int) -> None:
        PlainNetwork.__init__(self, layers, shape, experts)

    def scores(self, mixture: "PlainMixture", x: Tensor) -> Tensor:
        return self.forward(x)

    def rows(self) -> Tensor:
        assert self.head is not None
        return self.head.weight

    def load(self, state: dict[str, Tensor]) -> None:
        super().load(state)
        assert self.head is not None
        weight, bias = state["gate.head.weight"].squeeze(1), state["gate.head.bias"].squeeze(1)
        self.head.load_state_dict({"weight": weight, "bias": bias})


class PlainNoisy(PlainOriginal):
    def __init__(self, layers: Sequence[Any], shape: Shape, experts: int) -> None:
        super().__init__(layers, shape, experts)
        self.noise = nn.Linear(self.width, experts, bias=False)
        self.drawn_BM = torch.zeros(())

    def scale(self, x: Tensor) -> Tensor:
        """[B, M]."""
        scale_BM: Tensor = F.softplus(self.noise(F.relu(self.hidden(x)))) + 0.01
        return scale_BM

    def scores(self, mixture: "PlainMixture", x: Tensor) -> Tensor:
        return self.forward(x) + self.drawn_BM * self.scale(x)

    def load(self, state: dict[str, Tensor]) -> None:
        super().load(state)
        self.noise.load_state_dict({"weight": state["gate.noise.weight"]})


class PlainSigmoid(PlainOriginal):
    def scores(self, mixture: "PlainMixture", x: Tensor) -> Tensor:
        return (1 / (1 + (-self.forward(x)).exp())).log()


class PlainAttentive(PlainGate):
    def __init__(self, layers: Sequence[Any], shape: Shape, experts: int) -> None:
        super().__init__(layers, shape, experts)
        self.query = nn.Linear(self.width, self.width, bias=False)
        self.key = nn.Linear(self.width, self.width, bias=False)

    def seen(self, expert: nn.Module, x: Tensor) -> Tensor:
        """What the gate sees of an expert, [B, D]."""
        assert isinstance(expert, PlainNetwork)
        return expert.hidden(x)

    def scores(self, mixture: "PlainMixture", x: Tensor) -> Tensor:
        query = self.query(self.hidden(x))
        keys = [self.key(self.seen(expert, x)) for expert in mixture.experts]
        scores_BM = torch.stack([(query * key).sum(1) for key in keys], 1)
        return scores_BM / sqrt(self.width)

    def load(self, state: dict[str, Tensor]) -> None:
        super().load(state)
        self.query.load_state_dict({"weight": state["gate.query.weight"][0]})
        self.key.load_state_dict({"weight": state["gate.key.weight"][0]})


class PlainAttentiveRelu(PlainAttentive):
    def seen(self, expert: nn.Module, x: Tensor) -> Tensor:
        return F.relu(super().seen(expert, x))


class PlainCosine(PlainGate):
    def __init__(self, layers: Sequence[Any], shape: Shape, experts: int) -> None:
        super().__init__(layers, shape, experts)
        self.vectors = nn.Parameter(torch.zeros(experts, self.width))
        self.perturbation = 0.0

    def scores(self, mixture: "PlainMixture", x: Tensor) -> Tensor:
        hidden = self.hidden(x)
        return torch.stack([self._cosine(hidden, w) for w in self.vectors], 1)

    def rows(self) -> Tensor:
        return self.vectors

    def _cosine(self, h: Tensor, w: Tensor) -> Tensor:
        h_norm = h.square().sum(1).sqrt() + self.perturbation
        return (h * w).sum(1) / (h_norm * (w.square().sum().sqrt() + self.perturbation))

    def load(self, state: dict[str, Tensor]) -> None:
        super().load(state)
        self.vectors.data = state["gate.head.weight"].clone()
        self.perturbation = state.get("gate.perturbation", torch.zeros(1)).item()


class PlainLoudest(PlainGate):
    def __init__(self, layers: Sequence[Any], shape: Shape, experts: int) -> None:
        super().__init__([], shape, experts)

    def scores(self, mixture: "PlainMixture", x: Tensor) -> Tensor:
        outputs = mixture.outputs(x).detach()
        return (outputs * outputs.log2()).sum(2)

    def load(self, state: dict[str, Tensor]) -> None:
        assert not {name for name in state if name.startswith("gate.")}


GATES: dict[str, type[PlainGate]] = {
    "original": PlainOriginal,
    "expert_loss": PlainOriginal,
    "attentive": PlainAttentive,
    "attentive_relu": PlainAttentiveRelu,
    "cosine": PlainCosine,
    "perturbed_cosine": PlainCosine,
    "noisy": PlainNoisy,
    "sigmoid": PlainSigmoid,
    "loudest": PlainLoudest,
}
"""By the names that studies give them; a soft gate and its experts are one (see test_soft)."""


class PlainMixture(nn.Module):
    """A mixture of experts with a loop over its experts; without a gate for kind ``single``."""

    def __init__(
        self,
        expert: Sequence[Any],
        gate: Sequence[Any],
        shape: Shape,
        classes: int,
        experts: int,
        kind: str = "original",
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.experts = nn.ModuleList(PlainNetwork(expert, shape, classes) for _ in range(experts))
        self.gate = None if kind == "single" else GATES[kind](gate, shape, experts)
        self.bias_M: Tensor | None = None

    def logits(self, x: Tensor) -> Tensor:
        """[B, M], over temperature."""
        if self.gate is None:
            return x.new_zeros(len(x), 1)
        return self.gate.scores(self, x) / self.temperature

    def outputs(self, x: Tensor) -> Tensor:
        """[B, M, C]."""
        return torch.stack([F.softmax(expert(x), 1) for expert in self.experts], 1)

    def hidden(self, x: Tensor) -> Tensor:
        """[B, M, D]."""
        return torch.stack([expert.hidden(x) for expert in self.experts], 1)  # type: ignore[operator]

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
        if self.gate is not None:
            self.bias_M = state.pop("gate.choice_bias", None)
            self.gate.load(state)


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


class PlainRule:
    """The mixture, on one sample; other rules say where they differ."""

    epsilon = 1e-7

    def kept(self, p_M: Tensor, k: int) -> Tensor:
        """The distribution with which it answers."""
        return p_M

    def answer(self, p_M: Tensor, outputs_MC: Tensor) -> Tensor:
        """Class probabilities, [C]."""
        return _total([p * o_C for p, o_C in zip(p_M, outputs_MC, strict=True)])

    def loss(self, logits_M: Tensor, outputs_MC: Tensor, y: int, k: int) -> Tensor:
        answer_C = self.answer(self.kept(F.softmax(logits_M, 0), k), outputs_MC)
        return -torch.log(answer_C[y] + self.epsilon)


class PlainTopK(PlainRule):
    bias_M: Tensor | float = 0.0

    def kept(self, p_M: Tensor, k: int) -> Tensor:
        """The probabilities of the k largest, with their biases, over their sum; 0 elsewhere."""
        ranked = (p_M + self.bias_M).argsort(descending=True).tolist()
        total = _total([p_M[e] for e in ranked[:k]])
        zero = torch.zeros_like(total)
        return torch.stack([p / total if e in ranked[:k] else zero for e, p in enumerate(p_M)])

    def loss(self, logits_M: Tensor, outputs_MC: Tensor, y: int, k: int) -> Tensor:
        if k > 1:
            return super().loss(logits_M, outputs_MC, y, k)
        p_M = F.softmax(logits_M, 0)
        best = int((p_M + self.bias_M).argmax())
        return -torch.log(F.softmax(p_M[best] * outputs_MC[best], 0)[y] + 1e-7)


class PlainStochastic(PlainTopK):
    def kept(self, p_M: Tensor, k: int) -> Tensor:
        return super().kept(p_M, 1)

    def loss(self, logits_M: Tensor, outputs_MC: Tensor, y: int, k: int) -> Tensor:
        error_M = [-torch.log(output_C[y] + 1e-7) for output_C in outputs_MC]
        p_M = F.softmax(logits_M, 0)
        terms = [p * torch.exp(-error / 2) for p, error in zip(p_M, error_M, strict=True)]
        return -torch.log(_total(terms) + 1e-15)


class PlainExpertLoss(PlainStochastic):
    def loss(self, logits_M: Tensor, outputs_MC: Tensor, y: int, k: int) -> Tensor:
        right_M = torch.stack([output_C[y] for output_C in outputs_MC])
        misses = (logits_M - torch.log(right_M.detach() + 1e-15)).abs()
        return misses.sum() - torch.log(right_M[int(logits_M.argmax())] + 1e-7)


class PlainProduct(PlainRule):
    epsilon = 0.0

    def answer(self, p_M: Tensor, outputs_MC: Tensor) -> Tensor:
        """The experts' product over its sum."""
        product_C = torch.ones_like(outputs_MC[0])
        for p, output_C in zip(p_M, outputs_MC, strict=True):
            product_C = product_C * output_C**p
        return product_C / product_C.sum()


RULES: dict[str, PlainRule] = {
    "mixture": PlainRule(),
    "stochastic": PlainStochastic(),
    "top_k": PlainTopK(),
    "expert_loss": PlainExpertLoss(),
    "product": PlainProduct(),
}
"""Output rules by the names that studies give them."""


def rule_losses(
    logits_BM: Tensor,
    outputs_BMC: Tensor,
    y_B: Tensor,
    kind: str = "mixture",
    k: int = 1,
    bias_M: Tensor | None = None,
) -> Tensor:
    """Each sample's loss under an output rule, [B], sample after sample."""
    samples = zip(logits_BM, outputs_BMC, y_B.tolist(), strict=True)
    rule = RULES[kind] if bias_M is None else biased(bias_M)
    return torch.stack([rule.loss(logits, outputs, y, k) for logits, outputs, y in samples])


def label_loss(
    loss_BC: Tensor, y_B: Tensor, smoothing: float, weight_C: Tensor | None = None
) -> Tensor:
    """The mean over a batch of the losses of labels that are smoothed and weighted by class."""
    weight_C = torch.ones(loss_BC.shape[1]) if weight_C is None else weight_C
    uniform_C = torch.full_like(weight_C, smoothing / len(weight_C))
    losses, weights = [], []
    for loss_C, y in zip(loss_BC, y_B.tolist(), strict=True):
        share_C = uniform_C.clone()
        share_C[y] += 1 - smoothing
        losses.append((share_C * weight_C * loss_C).sum())
        weights.append(weight_C[y])
    return _total(losses) / _total(weights)


def biased(bias_M: Tensor) -> PlainTopK:
    """The rule of the k largest with their biases."""
    rule = PlainTopK()
    rule.bias_M = bias_M
    return rule


def moved_bias(bias_M: Tensor, p_BM: Tensor, k: int, rate: float) -> Tensor:
    """The bias after a step on a batch, expert after expert."""
    kept_BM = torch.stack([biased(bias_M).kept(p_M, k) for p_M in p_BM])
    loads = (kept_BM > 0).sum(0).tolist()
    mean = len(p_BM) * k / len(loads)
    signs = [float(load < mean) - float(load > mean) for load in loads]
    return bias_M + rate * torch.tensor(signs)


def answer(p_M: Tensor, outputs_MC: Tensor, kind: str = "mixture") -> Tensor:
    """A sample's class probabilities, [C]."""
    return RULES[kind].answer(p_M, outputs_MC)


def inference_gate(logits_BM: Tensor, kind: str = "mixture", k: int = 1) -> Tensor:
    """The distribution over experts with which a rule answers, [B, M], sample after sample."""
    return torch.stack([RULES[kind].kept(F.softmax(logits, 0), k) for logits in logits_BM])


def _total(terms: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(terms)).sum(0)


class Step(NamedTuple):
    """One model's batch, as terms of the regularizer see it.

    Attributes:
        logits_BM: of the gate over temperature.
        hidden_BMD: what the experts' bodies make of it.
        rows_MD: the gate's vector of each expert; empty for a gate without any.
        k: experts that a sample is sent to.
        bias_M: of each expert in the choice of the k.
        clean_BM, scale_BM: logits without noise, and its scale, of a gate that has some.
    """

    logits_BM: Tensor
    hidden_BMD: Tensor
    rows_MD: Tensor
    k: int
    clean_BM: Tensor | None = None
    scale_BM: Tensor | None = None
    bias_M: Tensor | float = 0.0

    @property
    def p_BM(self) -> Tensor:
        return F.softmax(self.logits_BM, 1)

    @property
    def experts(self) -> int:
        return self.logits_BM.shape[1]


def load_loss(step: Step) -> Tensor:
    """(std / mean)^2 of the samples that each expert may expect, over new noise of its own."""
    clean_BM, scale_BM = step.clean_BM, step.scale_BM
    assert clean_BM is not None
    assert scale_BM is not None
    loads = []
    for e in range(step.experts):
        load = torch.zeros(())
        for noisy_M, clean_M, scale_M in zip(step.logits_BM, clean_BM, scale_BM, strict=True):
            others = torch.cat([noisy_M[:e], noisy_M[e + 1 :]])
            if len(others) < step.k:
                load = load + 1
                continue
            threshold = others.sort(descending=True).values[step.k - 1]
            margin = (clean_M[e] - threshold) / scale_M[e]
            load = load + (1 + torch.erf(margin / sqrt(2))) / 2
        loads.append(load)
    if len(loads) == 1:
        return torch.zeros(())
    return (torch.stack(loads).std() / torch.stack(loads).mean()) ** 2


def balance_loss(step: Step) -> Tensor:
    """M sum_e f_e P_e, sample after sample."""
    sent = [0] * step.experts
    for p_M in step.p_BM:
        for expert in (p_M + step.bias_M).argsort(descending=True)[: step.k].tolist():
            sent[expert] += 1
    shares = [count / sum(sent) for count in sent]
    terms = [share * step.p_BM[:, e].mean() for e, share in enumerate(shares)]
    return step.experts * _total(terms)


def z_loss(step: Step) -> Tensor:
    return _total([logits_M.exp().sum().log() ** 2 for logits_M in step.logits_BM]) / len(
        step.logits_BM
    )


def _nats(p_M: Tensor) -> Tensor:
    return -(p_M * p_M.log()).sum()


def information_loss(step: Step) -> Tensor:
    each = _total([_nats(p_M) for p_M in step.p_BM]) / len(step.p_BM)
    return each - _nats(step.p_BM.mean(0))


def orthogonality_loss(step: Step) -> Tensor:
    terms = []
    for e, row in enumerate(step.rows_MD):
        for f, other in enumerate(step.rows_MD):
            terms.append(((row * other).sum() - float(e == f)).abs())
    return _total(terms) / step.experts**2


def experts_apart_loss(step: Step) -> Tensor:
    pairs = [(e, f) for e in range(step.experts) for f in range(step.experts) if e != f]
    squares = [
        F.cosine_similarity(h_MD[e], h_MD[f], 0) ** 2 for h_MD in step.hidden_BMD for e, f in pairs
    ]
    return _total(squares) / len(squares) if squares else step.logits_BM.new_zeros(())


def decided_loss(step: Step) -> Tensor:
    terms = [(p_B - p_B.mean()).square().mean() for p_B in step.p_BM.t()]
    return -_total(terms)


TERMS: dict[str, Callable[[Step], Tensor]] = {
    "load": load_loss,
    "balance": balance_loss,
    "z": z_loss,
    "information": information_loss,
    "orthogonality": orthogonality_loss,
    "experts_apart": experts_apart_loss,
    "decided": decided_loss,
}
"""Terms by the names that studies give them, but for those of the paper, which see more or less."""


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
