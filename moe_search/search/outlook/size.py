"""How much a study is to train, told before anything is run: loads no store."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from moe_search.engine.stages import DECISIVE, stages
from moe_search.spec import Choices, Configuration, FloatRange, IntRange, Parameter, Study, Value
from moe_search.spec.study import ROW


@dataclass(frozen=True)
class Size:
    """All trainings of a study, where none is pruned or repeated.

    Attributes:
        trainings: models that are trained: one a seed of each trial, of each finalist, and of the
            champion where it is retrained.
        epochs: their passes over the training data, at least and at most, in all stages.
    """

    trainings: int
    epochs: tuple[int, int]

    def sample_epochs(self, samples: int) -> tuple[int, int]:
        """Training samples that models see, each as often as it is seen, at least and at most.

        Args:
            samples: of the training split.
        """
        least, most = self.epochs
        return least * samples, most * samples


def size_of(study: Study) -> Size:
    """How much a study is to train."""
    if study.configurations:
        total = sum(
            (row.seeds or study.search.seeds) * epochs_of(study.configuration({ROW: name}))
            for name, row in study.configurations.items()
        )
        return Size(study.trials, (total, total))
    finals = study.finalists
    each = min(finals.top, study.trials) * finals.seeds
    judged = finals.trainings if study.finals_race else each
    retrained = finals.seeds if finals.retrain else 0
    trainings = study.trials * study.search.seeds + judged + retrained
    epochs = [epochs_of(configuration) for configuration in extremes(study)]
    return Size(trainings, (trainings * min(epochs), trainings * max(epochs)))


def extremes(study: Study) -> Iterator[Configuration]:
    """Configurations of a search; none has a longer or a shorter training than any of these."""
    for values in product(*map(_ends, study.parameters)):
        yield study.configuration(dict(values))


def epochs_of(configuration: Configuration) -> int:
    """Passes over the training data in all stages of a training."""
    return sum(stage.epochs for stage in stages(configuration))


def _ends(parameter: Parameter) -> list[tuple[str, Value]]:
    """Those values, with their path, among which are what makes a training short and long."""
    match parameter.domain:
        case Choices(choices=choices):
            values: tuple[Value, ...] = choices
        case IntRange(low=low, high=high, step=step):
            values = low, high - (high - low) % step
        case FloatRange(low=low):
            values = (low,)  # of no length
    used = values if parameter.path in DECISIVE else values[:1]
    return [(parameter.path, value) for value in used]
