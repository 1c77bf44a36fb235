"""Brings a model out of its store, and says what it is."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from optuna.trial import TrialState

from moe_search.errors import UserError
from moe_search.package.config import read_config
from moe_search.report.results.summary import Retrained, finite, summarize
from moe_search.report.text.search import spread
from moe_search.search.ledger import StudyRecord, TrialRecord
from moe_search.search.ranking import FinalistResult
from moe_search.search.study_store import find_study
from moe_search.spec import load_study
from moe_search.spec.kinds.metrics import headline
from moe_search.tracking.fetch import fetch_model, find_model
from moe_search.tracking.naming import short_name

_ON_ALL = "none: the model was trained on those samples, too"


@dataclass(frozen=True)
class FoundModel:
    """A model that may be pulled.

    Attributes:
        uri: as MLflow knows it.
        store: URL of its MLflow store; None for where MLflow itself would look.
        study: name of the study it comes from; None for a model that was named by its URI.
        trial: of that study, which found its configuration.
        champion: what its configuration reached as a finalist, if it is the study's champion.
        recorded: the champion's URI that depends on no registry.
        retrained: what its configuration reached when it was retrained, if this is such a model.
    """

    uri: str
    store: str | None
    study: str | None = None
    trial: int | None = None
    champion: FinalistResult | None = None
    recorded: str = ""
    retrained: Retrained | None = None


def find(source: str, overrides: Sequence[str], trial: int | None, store: str | None) -> FoundModel:
    """The model that is meant.

    Args:
        source: path of a study.yaml, or a model's URI.
        overrides: what is set in the study.
        trial: of the study; None for its champion.
        store: URL of MLflow's store, for a model's URI.

    Raises:
        UserError: the study is not fit or has no such model.
    """
    if source.startswith(("models:/", "runs:/")):
        if trial is not None:
            raise UserError("--trial needs a study; a model's URI names one model already")
        return FoundModel(source, store)
    study = load_study(Path(source), overrides)
    optuna_study = find_study(study)
    if trial is not None:
        trials = {t.number: t for t in optuna_study.get_trials(deepcopy=False)}
        found_by = trials.get(trial)
        uri = TrialRecord.of(found_by).model if found_by else ""
        if not uri:
            why = f"is not in study {study.name!r}"
            if found_by is not None:
                why = "failed" if found_by.state == TrialState.FAIL else "has not ended"
            raise UserError(f"--trial {trial}: {why}; a complete or pruned trial has a model")
        return FoundModel(uri, study.mlflow_url, study.name, trial)
    record = StudyRecord.of(optuna_study).champion
    summary = summarize(study, optuna_study, 0)
    champion = summary.champion_result
    if record is None or champion is None:
        raise UserError(
            f"study {study.name!r} has no champion yet; run it to its end, or name a trial with "
            "--trial"
        )
    recorded = f"models:/{record.model_id}"
    found = champion, recorded, summary.retrained
    return FoundModel(record.uri, study.mlflow_url, study.name, champion.trial, *found)


def pull_model(model: FoundModel, to: Path) -> Path:
    """Bring the model's package into a folder, which is made.

    Raises:
        UserError: the folder is not new or empty, or the store has no such model.
    """
    if to.exists() and not (to.is_dir() and not any(to.iterdir())):
        raise UserError(f"--to {to}: is there already; name a folder that is new or empty")
    try:
        find_model(model.uri, model.store)
    except UserError as error:
        if model.recorded and _is_there(model.recorded, model.store):
            recorded = f"the study's champion is {model.recorded}, which run registers again"
            raise UserError(f"{error}; {recorded}") from error
        raise
    return fetch_model(model.uri, model.store, to)


def _is_there(uri: str, store: str | None) -> bool:
    try:
        find_model(uri, store)
    except UserError:
        return False
    return True


def describe(model: FoundModel, folder: Path) -> list[tuple[str, str]]:
    """What was pulled and how it is used, line by line."""
    config = read_config(folder)
    facts = []
    if champion := model.champion:
        error = f"{spread(champion.test['error'])} over {champion.seeds} seeds"
        facts.append(("model", f"champion of study {model.study}, found by trial {model.trial}"))
        facts.append(("test error", error))
        if again := model.retrained:
            error = f"test error {spread(again.test['error'])} over {again.seeds} seeds"
            facts.append(("retrained", f"on training and validation data: {error}"))
    elif model.study is not None:
        facts.append(("model", f"trial {model.trial} of study {model.study}"))
    preprocessing = config.card.preprocessing
    if preprocessing and preprocessing.extractor:
        facts.append(("needs", str(preprocessing.extractor)))
    return [
        *facts,
        ("uri", model.uri),
        ("data", config.card.data),
        ("network", f"{short_name(config.configuration)}, seed {config.seed}"),
        ("validation", headline(config.validation) if config.validation else _ON_ALL),
        ("folder", str(folder)),
        ("in Python", f"moe_search.load_model({str(folder)!r})"),
        ("in a shell", f"moe-search predict {shlex.quote(str(folder))} FILES..."),
    ]


def plain_model(model: FoundModel, folder: Path) -> dict[str, Any]:
    """What JSON knows of what was pulled."""
    config = read_config(folder)
    return {
        "uri": model.uri,
        "study": model.study,
        "trial": model.trial,
        "champion": None if model.champion is None else finite(asdict(model.champion)),
        "data": config.card.data,
        "configuration": config.configuration.model_dump(mode="json"),
        "seed": config.seed,
        "validation": dict(config.validation),
        "folder": str(folder),
    }
