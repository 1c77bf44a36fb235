"""Brings both stores back in order after a process that died; trains nothing.

What each moment of a death leaves, and why this mends it, is told in ``coordinator``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import optuna
from mlflow import MlflowClient
from optuna.trial import FrozenTrial, TrialState

from moe_search.search.ledger import StudyRecord, TrialRecord
from moe_search.search.study_store import requeue
from moe_search.spec.kinds.stores import Addresses
from moe_search.stores.moved import follow_move
from moe_search.tracking.stale import end_leftovers

_Fate = Literal["requeued", "given_up", "empty"]


@dataclass(frozen=True)
class Mended:
    """What was found and mended.

    Attributes:
        requeued: numbers of trials that had not ended; they failed, and run again.
        given_up: numbers of trials that had not ended and died before; they failed for good.
        empty: numbers of trials that had not ended and were suggested nothing; they failed.
        runs: ids of MLflow runs that nobody wrote any more, or that Optuna was not told of.
        models: ids of MLflow models whose writing had not ended.
        lost: numbers of complete trials without a finished MLflow run: this, nothing mends.
        deleted: numbers of complete trials whose run was deleted in MLflow, with the command that
            restores it.
        deleted_finalists: the same of finalists, by trial and seed in words.
        moved: the folder from which the study's folder was moved or copied.
    """

    requeued: tuple[int, ...] = ()
    given_up: tuple[int, ...] = ()
    empty: tuple[int, ...] = ()
    runs: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    lost: tuple[int, ...] = ()
    deleted: Mapping[int, str] = field(default_factory=dict)
    deleted_finalists: Mapping[str, str] = field(default_factory=dict)
    moved: str = ""

    def lines(self) -> list[str]:
        """What a person should know; nothing where there was nothing to mend."""
        found = (
            (self.requeued, "did not end and will run again"),
            (self.given_up, "did not end, and died before: failed for good"),
            (self.empty, "did not end, with nothing suggested yet: others will take their place"),
            (self.lost, "complete, but without a finished run in MLflow: nothing mends this"),
        )
        lines = [f"{_counted(numbers, 'trial')} {what}" for numbers, what in found if numbers]
        deleted = ("trial", self.deleted), ("finalist", self.deleted_finalists)
        if named := " and ".join(_counted(tuple(of), what) for what, of in deleted if of):
            lines.append(f"{named} complete, but deleted in MLflow, which restores until its gc:")
            lines += dict.fromkeys([*self.deleted.values(), *self.deleted_finalists.values()])
        if self.runs:
            lines.append(f"{len(self.runs)} runs in MLflow were nobody's any more: killed")
        if self.moved:
            lines.append(f"its folder was moved from {self.moved}: MLflow finds the files here now")
        if self.models:
            lines.append(f"{len(self.models)} models in MLflow were half-written: failed")
        return lines


def mend(
    optuna_study: optuna.Study, client: MlflowClient | None, addresses: Addresses, retries: int
) -> Mended:
    """Let nothing be RUNNING in either store, and only results be FINISHED.

    Only the holder of the study's lock may do this. It may die here, too: what it did not come to
    is found again.

    Args:
        optuna_study: the study in Optuna's store.
        client: of MLflow's store; None where there is none.
        addresses: of the study's results.
        retries: times a trial runs again whose coordinator died.
    """
    name = optuna_study.study_name
    left = optuna_study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    fates: dict[_Fate, list[int]] = {"requeued": [], "given_up": [], "empty": []}
    for trial in left:
        fates[_fail(optuna_study, trial, retries)].append(trial.number)
    complete = {
        trial.number: TrialRecord.of(trial).run_id
        for trial in optuna_study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    }
    pruned = optuna_study.get_trials(deepcopy=False, states=(TrialState.PRUNED,))
    others = [TrialRecord.of(trial).run_id for trial in pruned]
    record = StudyRecord.of(optuna_study)
    finalists = {
        f"trial {one.trial} seed {one.seed}{how}": one.run_id
        for how, records in {"": record.finalists, " (retrained)": record.retrained}.items()
        for one in records
    }
    results = [*complete.values(), *others, *finalists.values()]
    leftovers = end_leftovers(client, name, results, record.id)
    return Mended(
        **{fate: tuple(numbers) for fate, numbers in fates.items()},
        runs=leftovers.runs,
        models=leftovers.models,
        lost=tuple(number for number, run_id in complete.items() if run_id in leftovers.lost),
        deleted=leftovers.restoring(complete),
        deleted_finalists=leftovers.restoring(finalists),
        moved=str(follow_move(addresses.mlflow, name, addresses.mlflow_files) or ""),
    )


def _fail(optuna_study: optuna.Study, trial: FrozenTrial, retries: int) -> _Fate:
    """Fail a trial that was left running, and let it run again unless it died too often."""
    fate: _Fate = "given_up"
    if TrialRecord.of(trial).deaths < retries:
        fate = "requeued" if requeue(optuna_study, trial.number, died=True) else "empty"
    for name, value in TrialRecord(reason="its coordinator died").attributes().items():
        optuna_study._storage.set_trial_user_attr(trial._trial_id, name, value)
    optuna_study.tell(trial.number, state=TrialState.FAIL)
    return fate


def _counted(numbers: tuple[int | str, ...], what: str) -> str:
    named = ", ".join(map(str, numbers))
    return f"{what} {named}" if len(numbers) == 1 else f"{what}s {named}"
