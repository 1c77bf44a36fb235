"""Checkpoints stay while a trial may go on from them, and no longer."""

from pathlib import Path

import numpy as np
from support.fake_workers import Fails, Kills, decomposition
from support.study_runs import run, study_in

from moe_search.engine.checkpoints import Checkpoint, Checkpoints, Snapshot
from moe_search.engine.trial import TrialSpec
from moe_search.moe.decomposition import Decomposition

SNAPSHOT = Snapshot({"weight": np.ones(2)}, {})
COMPLETE, COLLAPSED, RAISES, DIES, REPEATS, LAST = range(6)


def test_only_a_trial_that_runs_again_keeps_its_checkpoints(study_folder: Path) -> None:
    """Trials after one another, each of two seeds; and a finalist."""
    study = study_in(
        study_folder,
        search={
            **{"trials": 4, "seeds": 2, "workers": 1, "population": 1},
            "collapse": {"usage_entropy": 0.1, "patience": 1},
        },
        finalists={"top": 1, "seeds": 2},
    )
    checkpoints = Checkpoints(study.checkpoints_folder, study.source)
    found: list[tuple[int, int]] = []  # keys, and how many trainings had left some by then

    def train(spec: TrialSpec, epoch: int) -> Decomposition:
        if epoch == 1:
            names = {path.name.partition("-")[0] for path in checkpoints.folder.glob("*")}
            found.append((spec.key, len(names)))
        checkpoints.write(spec, Checkpoint(epoch, (), 0.0, SNAPSHOT))
        if spec.key == RAISES and epoch == 2:
            raise Fails("no luck")
        if spec.key == DIES and epoch == 2:
            raise Kills("its worker died")
        usage = (1.0, 0.0, 0.0, 0.0, 0.0) if spec.key == COLLAPSED else ()
        return decomposition(5, 0.9, usage)

    run(study, train, test=lambda spec, epoch: decomposition(5))
    two_seeds = [(COMPLETE, 0), (COMPLETE, 1)]
    again = [(DIES, 0), (REPEATS, 1), (REPEATS, 1), (LAST, 0), (LAST, 1)]
    finals = [(0, 0), (1, 0)]
    assert found == [*two_seeds, (COLLAPSED, 0), (RAISES, 0), *again, *finals]
    assert not checkpoints.folder.exists()
