"""How a model divides a task among its experts: tables over one split and the metrics of them.

Shape suffixes: C true class, K predicted class (as many as C), M expert.

Entropies are in bits, 0 log 0 = 0. The gate distribution p(e|x) is the one the output rule uses
at inference, so a rule that evaluates one expert has a sample entropy of 0.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.float64]


def entropy(p: npt.ArrayLike) -> float:
    """Entropy in bits of a distribution given up to its scale; 0 for an empty one."""
    weights = np.asarray(p, dtype=np.float64).ravel()
    total = weights.sum()
    if total <= 0:
        return 0.0
    positive = weights[weights > 0] / total
    return float(-(positive * np.log2(positive)).sum()) + 0.0


def mutual_information(table: npt.ArrayLike) -> float:
    """I(rows; columns) in bits of a table of joint counts: H(R) + H(C) - H(R, C)."""
    joint = np.asarray(table, dtype=np.float64)
    information = entropy(joint.sum(1)) + entropy(joint.sum(0)) - entropy(joint)
    return max(information, 0.0)


def information_share(table: npt.ArrayLike) -> float:
    """I(rows; columns) without its bias, as a share of the most it can be; within 0 and 1.

    The information of a table of n counts is too large by about (M - 1)(C - 1) / (2 n ln 2) bits
    where rows and columns are independent: 0.34 bits for 16 experts on 287 samples of 10 classes.
    Miller and Madow (Miller 1955, "Note on the bias of information estimates") add (m - 1) / (2 n
    ln 2) to each plug-in entropy, m the number of places that are not empty; the three corrections
    together take (rows - 1)(columns - 1) / (2 n ln 2) from a table without an empty place, and less
    from others, so that some bias stays. The most that M experts can know of C classes is log2
    min(M, C), the authors' log2 M where M is less.
    """
    joint = np.asarray(table, dtype=np.float64)
    most = np.log2(min(joint.shape))
    if not most or not joint.any():
        return 0.0
    seen = [np.count_nonzero(counts) for counts in (joint.sum(1), joint.sum(0), joint)]
    correction = (seen[0] + seen[1] - seen[2] - 1) / (2 * joint.sum() * np.log(2))
    return float(np.clip((mutual_information(joint) + correction) / most, 0.0, 1.0))


def error_parts(confusion_MCK: Table, model_CK: Table) -> tuple[Table, Table]:
    """Each class's error as two parts that add up to it: the experts' and the gate's.

    The experts' part is the error that remains if every sample of the class goes to the expert
    that knows the class best, so no gate that tells the classes apart could avoid it. The gate's
    part is the rest of the model's error. It is below 0 where the model, by choosing or mixing
    experts sample by sample, does better than the best expert alone.

    Args:
        confusion_MCK: each expert's own confusion on all samples of a split.
        model_CK: the model's confusion on the same samples.

    Returns:
        Two shares of the samples of each class [C], NaN for a class without samples.
    """
    samples_C = model_CK.sum(1)
    unknown_C = np.full_like(samples_C, np.nan)

    def error(right_C: Table) -> Table:
        wrong_C = samples_C - right_C
        share_C: Table = np.divide(wrong_C, samples_C, out=unknown_C.copy(), where=samples_C > 0)
        return share_C

    experts_C = error(confusion_MCK.diagonal(axis1=1, axis2=2).max(0))
    return experts_C, error(model_CK.diagonal()) - experts_C


@dataclass(frozen=True)
class Decomposition:
    """What one model did on one split of the data.

    Attributes:
        soft_CM: gate probability given to each expert, summed over the samples of each class.
        hard_CM: samples of each class whose most probable expert is this one.
        chosen_MK: samples by most probable expert and the class that this expert predicts.
        confusion_MCK: each expert's own confusion on all samples, its share or not.
        model_CK: the model's confusion.
        sample_entropy: H_s, mean over samples of H(p(.|x)), bits.
        loss: mean of the output rule's loss per sample, nats, without regularizers.
    """

    soft_CM: Table
    hard_CM: Table
    chosen_MK: Table
    confusion_MCK: Table
    model_CK: Table
    sample_entropy: float
    loss: float

    @property
    def usage_M(self) -> Table:
        """Expert usage: mean gate probability of each expert."""
        usage_M: Table = self.soft_CM.sum(0) / self.soft_CM.sum()
        return usage_M

    @property
    def accuracy(self) -> float:
        """Share of samples whose class the model predicts."""
        return float(np.trace(self.model_CK) / self.model_CK.sum())

    @property
    def balanced_accuracy(self) -> float:
        """Mean over the classes present of the share classified correctly, whatever their sizes."""
        samples_C = self.model_CK.sum(1)
        present = samples_C > 0
        return float(np.mean(np.diag(self.model_CK)[present] / samples_C[present]))

    @property
    def conditional_entropy(self) -> float:
        """H(E|Y), bits: mean over the classes present of H(p(.|c)), each class counted alike."""
        present = self.soft_CM.sum(1) > 0
        return float(np.mean([entropy(row) for row in self.soft_CM[present]]))

    def metrics(self) -> dict[str, float]:
        """Every metric by name, entropies in bits (see ``METRICS`` for what each means)."""
        return {
            "accuracy": self.accuracy,
            "error": 1.0 - self.accuracy,
            "balanced_accuracy": self.balanced_accuracy,
            "loss": self.loss,
            "sample_entropy": self.sample_entropy,
            "usage_entropy": entropy(self.usage_M),
            "mutual_information": mutual_information(self.chosen_MK),
            "information_share": information_share(self.chosen_MK),
            "label_information": mutual_information(self.hard_CM),
            "conditional_entropy": self.conditional_entropy,
            "max_expert_share": float(self.usage_M.max()),
        }
