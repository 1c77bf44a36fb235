"""What a trial and a study show in Optuna's dashboard: a note, and pictures as artifacts."""

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from optuna.artifacts import FileSystemArtifactStore, upload_artifact
from optuna.trial import Trial
from optuna_dashboard._note import note_ver_key, split_body

from moe_search.spec.configuration import Configuration
from moe_search.spec.differences import describe_domain
from moe_search.spec.kinds.metrics import METRICS
from moe_search.spec.study import Study
from moe_search.tracking.decomposition.figures import FIGURES
from moe_search.tracking.naming import meaningful, trial_name, written


def open_artifacts(artifacts: Path) -> FileSystemArtifactStore:
    """The dashboard's artifact store among a study's artifacts; its folder is created."""
    folder = artifacts_folder(artifacts)
    folder.mkdir(parents=True, exist_ok=True)
    return FileSystemArtifactStore(folder)


def artifacts_folder(artifacts: Path) -> Path:
    """What ``optuna-dashboard --artifact-dir`` is to be given."""
    return artifacts / "optuna"


def trial_note(
    number: int,
    configuration: Configuration,
    metrics: Mapping[str, float],
    page: str,
    model_uri: str | None = None,
    reason: str = "",
) -> str:
    """A trial's note in Markdown.

    Args:
        number: of the trial.
        configuration: its hyperparameters.
        metrics: on the validation split, by their names in ``METRICS``.
        page: address of its run in MLflow.
        model_uri: of its model in MLflow, if it has one.
        reason: why the trial ended before it was complete, if it did.
    """
    parts = [reason] if reason else []
    if metrics:
        known = [(name, f"{metrics[name]:.4f}", _meaning(name)) for name in metrics]
        parts.append(_table(("metric", "validation", "meaning"), known))
    chosen = meaningful(configuration)
    values = [(path, f"`{written(value)}`") for path, value in chosen.items()]
    parts.append(_table(("hyperparameter", "value"), values))
    parts.append(f"[MLflow run]({page})" + (f", model `{model_uri}`" if model_uri else ""))
    if model_uri:
        pull = f"moe-search pull STUDY.yaml --trial {number} --to {trial_name(number)}"
        parts.append(f"```\n{pull}\n```")
    return "\n\n".join(parts)


def study_note(study: Study, made: Mapping[str, str], best: str = "") -> str:
    """A study's note in Markdown: what it searches and what for, its models, how it was made.

    Args:
        study: what was asked for.
        made: versions, machine and commit, by name.
        best: which trials are the best so far, in words.
    """
    searched = [(p.path, f"`{describe_domain(p.domain.model_dump())}`") for p in study.parameters]
    goal = study.objective
    aims = (
        [f"{METRICS[name].better} {name}" for name in goal.pareto]
        if goal.pareto
        else [f"{weight:+g} {name}" for name, weight in (goal.maximize or {}).items()]
    )
    aim = ("Pareto front: " if goal.pareto else "maximize ") + ", ".join(aims)
    limits = [
        f"{name} {word} {limit:g}"
        for name, bound in goal.constraints.items()
        for word, limit in (("at least", bound.at_least), ("at most", bound.at_most))
        if limit is not None
    ]
    store = study.stores.mlflow
    where = f"Runs and models: MLflow experiment `{study.name}` in `{store}`"
    facts = ", ".join(f"{name} {text}" for name, text in made.items())
    made_with = f"Made by `moe-search run STUDY.yaml` with {facts}. The same command goes on."
    parts = [study.description, f"Data: {study.data.name}. Objective: {aim}."]
    parts += [f"Constraints: {', '.join(limits)}."] if limits else []
    parts += [_table(("hyperparameter", "searched"), searched)] if searched else []
    return "\n\n".join(part for part in [*parts, best, where, made_with] if part)


def attach(
    trial: Trial,
    files: Mapping[str, bytes],
    note: str,
    artifact_store: FileSystemArtifactStore,
) -> None:
    """Puts a note and the pictures among some files on a trial's page, once a trial.

    The trial must still be running: Optuna takes nothing for one that was told.
    """
    # ``optuna_dashboard.save_note`` reads the notes of all trials twice to clear an older note.
    # That takes ever longer as a study grows, and a new trial has none.
    storage, study_id = trial.storage, trial.study._study_id
    storage.set_study_system_attr(study_id, note_ver_key(trial._trial_id), 1)
    for key, text in split_body(note, trial._trial_id).items():
        storage.set_study_system_attr(study_id, key, text)
    with tempfile.TemporaryDirectory() as temporary:
        for figure in FIGURES:
            if figure.on_page and figure.file in files:
                path = Path(temporary) / figure.file
                path.write_bytes(files[figure.file])
                upload_artifact(
                    artifact_store=artifact_store, file_path=str(path), study_or_trial=trial
                )


def _meaning(name: str) -> str:
    metric = METRICS[name]
    return f"{metric.meaning}{', bits' if metric.in_bits else ''}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '∣') for cell in line)} |" for line in lines)
