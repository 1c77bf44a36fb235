"""Why a model says what it says of files: the gate's shares, and each expert's own answer.

Shape suffixes: B sample, C class, M expert; S a sample's own axes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from moe_search.errors import UserError
from moe_search.models.predict import batches, holds_many
from moe_search.moe.decomposition import entropy
from moe_search.package.classifier import Classifier
from moe_search.progress import Progress, silent
from moe_search.report.text.table import Table
from moe_search.tracking.decomposition.drawing import Panel, beside, heat_maps

_MOST_DRAWN = 20


@dataclass(frozen=True)
class Opinion:
    """What one expert says of a sample.

    Attributes:
        share: the gate's probability of this expert.
        label: the expert's most probable class.
        probability: that the expert gives it.
    """

    expert: int
    share: float
    label: str
    probability: float


@dataclass(frozen=True)
class Explanation:
    """What a model and its parts say of one sample.

    Attributes:
        sample: its number in an array, from 0; None for an image.
        label: the model's most probable class.
        probability: that the model gives it.
        sample_entropy: of the gate's shares, bits; 0 where the gate is sure.
        experts: by the gate's share, largest first.
        x_S: the sample.
        gate_M: the gate's shares.
        says_MC: each expert's class probabilities.
    """

    file: str
    sample: int | None
    label: str
    probability: float
    sample_entropy: float
    experts: tuple[Opinion, ...]
    x_S: npt.NDArray[np.float32]
    gate_M: npt.NDArray[np.float32]
    says_MC: npt.NDArray[np.float32]

    @property
    def headline(self) -> str:
        """The answer, and the expert that the gate prefers, in one line."""
        name = Path(self.file).name + ("" if self.sample is None else f"[{self.sample}]")
        first = self.experts[0]
        return (
            f"{name}: {self.label} ({self.probability:.1%}), "
            f"expert {first.expert} ({first.share:.1%})"
        )


def explain(model: Classifier, file: Path, progress: Progress = silent) -> Iterator[Explanation]:
    """Explain each sample of a file.

    Raises:
        UserError: the file cannot be read or its samples do not fit the model.
    """
    many = holds_many(file)
    for start, x in batches(model, file, progress):
        with torch.no_grad():
            seen = model.seen(x, progress)
            parts = (x, model(seen), model.gate(seen), model.experts(seen))
        for number, sample in enumerate(zip(*(part.numpy() for part in parts), strict=True), start):
            yield _explanation(model.labels, str(file), number if many else None, *sample)


def opinions_table(explanation: Explanation) -> Table:
    """Every expert's say, under what the model says."""
    return Table(
        f"{explanation.headline}, H_s {explanation.sample_entropy:.2f} bits",
        ("expert", "gate", "says", "probability"),
        tuple(
            (str(o.expert), f"{o.share:.4f}", o.label, f"{o.probability:.4f}")
            for o in explanation.experts
        ),
        frozenset({"says"}),
        strong=1,
    )


def plain_explanation(explanation: Explanation) -> dict[str, Any]:
    """What JSON knows of it: all but the arrays."""
    return {
        **{
            name: getattr(explanation, name)
            for name in ("file", "sample", "label", "probability", "sample_entropy")
        },
        "experts": [vars(opinion) for opinion in explanation.experts],
    }


def picture(explanations: Sequence[Explanation], classes: Sequence[str]) -> bytes:
    """PNG of some samples, one below the other: what each expert says, alone and times its share.

    The right map's rows add up to what a mixture says of each class.

    Raises:
        UserError: there are too many.
    """
    if len(explanations) > _MOST_DRAWN:
        raise UserError(
            f"--picture: {len(explanations)} samples; a picture shows at most {_MOST_DRAWN}"
        )
    return beside(
        [
            (sample.x_S if sample.x_S.ndim == 3 else None, _maps(sample, classes))
            for sample in explanations
        ]
    )


def _maps(sample: Explanation, classes: Sequence[str]) -> bytes:
    shared_MC = sample.gate_M[:, None] * sample.says_MC
    panels = [
        Panel(("each expert says",), sample.says_MC.T.astype(np.float64)),
        Panel(("times its gate share",), shared_MC.T.astype(np.float64)),
    ]
    caption = "class × expert, probability"
    return heat_maps(sample.headline, panels, classes, caption, number_columns=True)


def _explanation(
    labels: Sequence[str],
    file: str,
    sample: int | None,
    x_S: npt.NDArray[np.float32],
    p_C: npt.NDArray[np.float32],
    gate_M: npt.NDArray[np.float32],
    says_MC: npt.NDArray[np.float32],
) -> Explanation:
    return Explanation(
        file=file,
        sample=sample,
        label=labels[int(p_C.argmax())],
        probability=float(p_C.max()),
        sample_entropy=entropy(gate_M),
        experts=tuple(
            Opinion(m, float(gate_M[m]), labels[int(says_MC[m].argmax())], float(says_MC[m].max()))
            for m in np.argsort(-gate_M, kind="stable").tolist()
        ),
        x_S=x_S,
        gate_M=gate_M,
        says_MC=says_MC,
    )
