"""The ledger: what a study and its trials leave in Optuna, by type.

The names of all user attributes stand here and nowhere else. Of what an earlier version left, that
which did not exist yet is lacking: a metric is NaN then, and all else is empty.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any, Self

import optuna
from optuna.trial import FrozenTrial

from moe_search.moe.cost import Cost
from moe_search.spec import METRICS, Configuration
from moe_search.spec.comparison import TRAINING_ERROR
from moe_search.tracking.naming import short_name

_PROGRAM = "moe_search:"
"""What the names of a study's own system attributes begin with."""

_TEST = "test/"
"""What the names of metrics on the test split begin with."""


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """What a trial leaves, as far as it came.

    Attributes:
        configuration: what is trained; None before it was suggested.
        seed: the first that it is trained from.
        retry_of: number of the trial whose parameters and seed it repeats.
        replicate_of: number of the first trial of the same configuration, whose race it is part of.
        deaths: of the trials that it repeats, how many died.
        metrics: on the validation split, means over its seeds, entropies in bits.
        test: the same on the test split, where it was judged there.
        training_error: of the trained model on the training split.
        seconds: that its training took, all seeds together: its share of a worker's time.
        cost: of one answer of its model, where it is known.
        run_id: in MLflow.
        model: URI of its model in MLflow.
        reason: why it ended before it was complete.
    """

    configuration: Configuration | None = None
    seed: int | None = None
    retry_of: int | None = None
    replicate_of: int | None = None
    deaths: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    test: Mapping[str, float] = field(default_factory=dict)
    training_error: float = math.nan
    seconds: float = math.nan
    cost: Cost | None = None
    run_id: str = ""
    model: str = ""
    reason: str = ""

    @classmethod
    def of(cls, trial: FrozenTrial | optuna.Trial) -> Self:
        """Read a trial's; every metric has a number, if only NaN."""
        known = trial.user_attrs
        configuration = known.get("configuration")
        return cls(
            configuration=configuration and _configuration(configuration),
            seed=known.get("seed"),
            retry_of=known.get("retry_of"),
            replicate_of=known.get("replicate_of"),
            deaths=known.get("deaths", 0),
            metrics=_every_metric(known),
            test=_every_metric(known, _TEST),
            training_error=known.get(TRAINING_ERROR, math.nan),
            seconds=known.get("seconds", math.nan),
            cost=_cost(known),
            run_id=known.get("mlflow_run", ""),
            model=known.get("model", ""),
            reason=known.get("reason", ""),
        )

    @property
    def name(self) -> str:
        """Of its network, in a few words; empty before it was suggested."""
        return short_name(self.configuration) if self.configuration else ""

    def attributes(self) -> dict[str, Any]:
        """The user attributes that say what is known."""
        return _known(
            {
                "configuration": self.configuration and self.configuration.model_dump_json(),
                "seed": self.seed,
                "retry_of": self.retry_of,
                "replicate_of": self.replicate_of,
                "deaths": self.deaths or None,
                **self.metrics,
                **{_TEST + name: value for name, value in self.test.items()},
                TRAINING_ERROR: self.training_error,
                "seconds": self.seconds,
                "experts_evaluated": self.cost and self.cost.experts,
                "multiply_adds": self.cost and self.cost.multiply_adds,
                "mlflow_run": self.run_id,
                "model": self.model,
                "reason": self.reason,
            }
        )

    def write(self, trial: optuna.Trial) -> None:
        """Set what is known, and leave all else of the trial as it stands."""
        for name, value in self.attributes().items():
            trial.set_user_attr(name, value)


def repeated(trials: Iterable[FrozenTrial]) -> set[int]:
    """The numbers of those that others among them repeat."""
    of = (trial.user_attrs.get("retry_of") for trial in trials)
    return {number for number in of if number is not None}


@dataclass(frozen=True, kw_only=True)
class FinalistRecord:
    """A finalist trained from one fresh seed; or retrained, on training and validation data.

    Attributes:
        trial: number of the trial that found it.
        experts: networks that its model evaluates.
        value: the first objective on validation; NaN where it is retrained, as its ``validation``.
        validation, test: every metric by split, entropies in bits.
        run_id: in MLflow.
        model_id: in MLflow.
    """

    trial: int
    seed: int
    experts: int
    value: float
    validation: Mapping[str, float]
    test: Mapping[str, float]
    run_id: str
    model_id: str

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """Read one as JSON knows it; every metric has a number, if only NaN."""
        names = cls.__dataclass_fields__.keys() & plain.keys()
        splits = {split: _every_metric(plain[split]) for split in ("validation", "test")}
        return cls(**{"value": math.nan} | {name: plain[name] for name in names} | splits)

    def plain(self) -> dict[str, Any]:
        """As JSON knows it."""
        splits = {"validation": _known(self.validation), "test": _known(self.test)}
        known = _known({"value": self.value})
        return {name: v for name, v in asdict(self).items() if name != "value"} | known | splits


@dataclass(frozen=True, kw_only=True)
class ChampionRecord(FinalistRecord):
    """The finalist whose model is registered.

    Attributes:
        uri: of the model in MLflow's registry.
    """

    uri: str


@dataclass(frozen=True, kw_only=True)
class StudyRecord:
    """What a study leaves, as far as it came.

    It stands in system attributes, which no dashboard shows: a reader has the study's note, which
    says it in words. Versions up to 0.1 wrote user attributes; these are read where it is lacking.

    Attributes:
        id: by which its runs in MLflow are told from those of another study of its name; empty of
            one that version 0.1 began.
        space: what it was begun with, see ``Study.space``; empty before it was begun.
        made_with: versions, machine and commit of its last run, by name.
        seconds: wall time of all its runs.
        samples: of its data by split: training, validation and, where it is read, test.
        classes: names of its data's classes, by number.
        finalists: in the order in which they were trained.
        retrained: likewise, the champion's configuration on training and validation data.
        champion: None before there is one.
        believed: what the complete trials of its search are worth, see ``surrogate.beliefs``: mean
            and standard deviation by a trial's number. None before the search has ended, and of one
            whose finals version 0.1 began, by other rules.
    """

    id: str = ""
    space: Mapping[str, Any] = field(default_factory=dict)
    made_with: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    samples: Mapping[str, int] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    finalists: tuple[FinalistRecord, ...] = ()
    retrained: tuple[FinalistRecord, ...] = ()
    champion: ChampionRecord | None = None
    believed: Mapping[int, tuple[float, float]] | None = None

    @classmethod
    def of(cls, optuna_study: optuna.Study) -> Self:
        """Read a study's."""
        known = optuna_study.user_attrs | _hidden(optuna_study)
        champion, believed = known.get("champion"), known.get("believed")
        return cls(
            id=known.get("id", ""),
            space=known.get("space", {}),
            made_with=known.get("made_with", {}),
            seconds=known.get("seconds", 0.0),
            samples=known.get("samples", {}),
            classes=tuple(known.get("classes", ())),
            finalists=tuple(map(FinalistRecord.of, known.get("finalists", ()))),
            retrained=tuple(map(FinalistRecord.of, known.get("retrained", ()))),
            champion=champion and ChampionRecord.of(champion),
            believed=None if believed is None else {n: (mean, sd) for n, mean, sd in believed},
        )

    def write(self, optuna_study: optuna.Study) -> None:
        """Set what is known, and leave all else of the study as it stands."""
        storage, study_id = optuna_study._storage, optuna_study._study_id
        attributes: dict[str, Any] = {
            "id": self.id,
            "space": self.space,
            "made_with": self.made_with,
            "seconds": self.seconds,
            "samples": self.samples,
            "classes": list(self.classes),
            "finalists": [record.plain() for record in self.finalists],
            "retrained": [record.plain() for record in self.retrained],
            "champion": self.champion and self.champion.plain(),
        }
        known = {name: value for name, value in attributes.items() if value}
        if self.believed is not None:  # it may be known that nothing is believed
            known["believed"] = [[number, *worth] for number, worth in self.believed.items()]
        for name, value in known.items():
            for part, content in _in_parts(name, value):
                storage.set_study_system_attr(study_id, _PROGRAM + part, content)


_ENTRIES = {"finalists": 40, "retrained": 40, "believed": 1000, "classes": 250}
"""Of lists that grow, at most in one attribute: MySQL holds 65,535 bytes of each."""


def _in_parts(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """A value under its name, and what it has more entries than fit under further names."""
    if not isinstance(value, list):
        yield name, value
        return
    entries = _ENTRIES[name]
    for start in range(0, max(1, len(value)), entries):
        yield f"{name}:{start // entries}" if start else name, value[start : start + entries]


def _hidden(optuna_study: optuna.Study) -> dict[str, Any]:
    """A study's own among its system attributes, by the rest of their names; parts are joined."""
    attributes = optuna_study._storage.get_study_system_attrs(optuna_study._study_id)
    known = {
        name.removeprefix(_PROGRAM): value
        for name, value in attributes.items()
        if name.startswith(_PROGRAM)
    }
    for name in known.keys() & _ENTRIES.keys():
        part = 0
        while (more := known.get(f"{name}:{(part := part + 1)}")) is not None:
            known[name] = known[name] + more
    return known


def set_constraints(trial: optuna.Trial, violations: Sequence[float]) -> None:
    """Tell Optuna by how much a trial misses each constraint; it keeps one where at most 0.

    This is the form that Optuna has deprecated: its dashboard (0.21) reads no other, and Optuna (5)
    reads both. Both at once would count each constraint twice, and its GP sampler wants as many
    from every trial, those of a study that was begun with the other form included.
    """
    if violations:
        trial.storage.set_trial_system_attr(trial._trial_id, "constraints", list(violations))


@lru_cache(maxsize=10_000)
def _configuration(json: str) -> Configuration:
    return Configuration.model_validate_json(json)


def _every_metric(known: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    return {name: known.get(prefix + name, math.nan) for name in METRICS}


def _cost(known: Mapping[str, Any]) -> Cost | None:
    experts, multiply_adds = known.get("experts_evaluated"), known.get("multiply_adds")
    return None if experts is None or multiply_adds is None else Cost(experts, multiply_adds)


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those that say something: not None, no empty text, no NaN."""

    def says(value: object) -> bool:
        return not (value in (None, "") or (isinstance(value, float) and math.isnan(value)))

    return {name: value for name, value in values.items() if says(value)}
