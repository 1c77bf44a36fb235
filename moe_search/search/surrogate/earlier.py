"""What earlier studies found in this study's space: ``search.from``."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.trial import TrialState

from moe_search.credentials import without_credentials
from moe_search.engine.trial import expert_count
from moe_search.progress import Note, Progress
from moe_search.search import objective
from moe_search.search.ledger import TrialRecord
from moe_search.search.study_store import find_study, stored
from moe_search.spec import Configuration, Study, Value
from moe_search.spec.file.load import load_study
from moe_search.spec.kinds.stores import Addresses, resolved_url

_TRIED = 3
"""Configurations of each earlier study that are tried first, its best."""

_TOLD = 200
"""Results of each earlier study that the sampler is told, its first ones."""

Result = tuple[dict[str, Value], float]
"""Values by path, and what they were worth by this study's objective; more is better."""

Kept = tuple[Result, bool]
"""A result, and whether it keeps this study's constraints."""


@dataclass(frozen=True)
class Earlier:
    """What was found before.

    Attributes:
        points: values by path, to be tried first.
        results: of each earlier study.
    """

    points: tuple[dict[str, Value], ...] = ()
    results: tuple[tuple[Result, ...], ...] = ()


NOTHING = Earlier()


def earlier(study: Study, progress: Progress) -> Earlier:
    """Read the earlier studies, which stay as they are, and tell what is taken over.

    A configuration fits where each searched hyperparameter has a value of this study's domain in
    it; what the earlier study did not know has its default. Of several objectives the first ranks;
    what misses this study's constraints comes behind what keeps them.

    Raises:
        UserError: there is no such study, or it cannot be read.
    """
    points: list[dict[str, Value]] = []
    told: list[tuple[Result, ...]] = []
    for given in study.search.earlier:
        complete = _opened(study, given).get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        found = list(_results(study, map(TrialRecord.of, complete)))
        results = [result for result, _ in found]
        best: list[dict[str, Value]] = []
        for (values, _), _ in sorted(found, key=lambda one: (not one[1], -one[0][1])):
            if values not in best:
                best.append(values)
        points += best[:_TRIED]
        told += [tuple(results[:_TOLD])]
        name = without_credentials(given)
        progress(
            Note(
                f"{name}: {len(results)} of {len(complete)} results fit this study; the best "
                f"{len(best[:_TRIED])} are tried first"
                if results
                else f"{name}: none of {len(complete)} results fits this study's space"
            )
        )
    return Earlier(tuple(points), tuple(told))


def _opened(study: Study, given: str) -> optuna.Study:
    """An earlier study, of a study.yaml or of a store of Optuna's."""
    url, _, name = given.rpartition("#")
    if "://" not in url:
        return find_study(load_study(study.resolved(Path(given))))
    addresses = Addresses(resolved_url(url, study.folder), study.mlflow_url, study.artifacts_folder)
    return stored(name, addresses)


def _results(study: Study, records: Iterator[TrialRecord]) -> Iterator[Kept]:
    for record in records:
        if record.configuration is None:
            continue
        values = _values(study, record.configuration)
        if values is not None:
            experts = expert_count(record.configuration)
            value = objective.values(study.objective, record.metrics, experts)[0]
            if math.isfinite(value):  # a metric may not have existed yet
                missed = objective.violations(study.objective, record.metrics, experts)
                result = values, objective.gain(study.objective, value)
                yield result, objective.keeps(missed)


def _values(study: Study, configuration: Configuration) -> dict[str, Value] | None:
    """Its values of what this study searches, by path; None where one is outside."""
    values: dict[str, Value] = {}
    for parameter in study.parameters:
        if parameter.is_active(values):
            section, name = parameter.path.split(".")
            value = getattr(getattr(configuration, section), name)
            if not parameter.domain.contains(value):
                return None
            values[parameter.path] = value
    return values
