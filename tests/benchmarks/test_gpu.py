"""The comparison of a GPU with the CPU runs, if only on a CPU, and notices what is not alike."""

import pytest
import torch
from benchmarks import gpu

from moe_search.spec.kinds.gates import GATES
from moe_search.spec.kinds.layers import LAYERS
from moe_search.spec.kinds.optimizers import OPTIMIZERS
from moe_search.spec.kinds.terms import TERMS

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

ON_CPU = ["--device", "cpu", "--small"]


def test_every_member_is_compared_and_speeds_are_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert gpu.main(ON_CPU) == 0
    told = capsys.readouterr().out
    assert "differs" not in told
    for name in (*GATES, *TERMS, *OPTIMIZERS, *LAYERS):
        assert (f" {name} " in told) == (name != "network"), name
    assert "moe-search, 2 in step" in told


def test_a_difference_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    losses = gpu.losses
    monkeypatch.setattr(gpu, "cases", lambda: [("gate original", gpu.configuration())])
    monkeypatch.setattr(gpu, "time_all", lambda *_: None)
    monkeypatch.setattr(
        gpu, "losses", lambda one, given, on: losses(one, given, on) * (1 + 0.1 * (on is gpu.EAGER))
    )
    assert gpu.main(ON_CPU) == 1
    assert "differs" in capsys.readouterr().out
    assert torch.get_num_threads() == 1
