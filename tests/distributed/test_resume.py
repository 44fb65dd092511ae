"""A run of one or two processes that is killed again and again ends as if it had been left alone."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

import ganlab
from ganlab import config
from ganlab.checkpoints import load_checkpoint
from tests.conftest import TINY
from tests.processes import Group, kill_once, leave_alone, train
from tests.stress_resume import SETTINGS
from tests.test_training import assert_same_run


@pytest.mark.parametrize("size", [1, 2])
def test_a_run_killed_three_times_is_bitwise_what_it_would_have_been(size: int, tmp_path: Path) -> None:
    words = [*SETTINGS, "budget.images=2880", f"run.root={tmp_path}"]
    leave_alone(size, [*words, "run.name=whole"])
    lines = (tmp_path / "whole" / "metrics.jsonl").read_bytes().count(b"\n")
    chance, run = random.Random(size), tmp_path / "killed"
    killed = [kill_once(size, [*words, "run.name=killed"], run, lines=lines, chance=chance) for _ in range(3)]
    assert all(killed)
    leave_alone(size, [*words, "run.name=killed"])
    assert_same_run(tmp_path / "whole", tmp_path / "killed")


def test_another_number_of_ranks_goes_on_in_the_same_data_order(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One process with batches of 12, then two with 6 each: to rounding, what one process does alone."""
    words = [
        *(word for word in TINY if "width" not in word), "network=mlp", "trainer.precision=64-true",
        f"run.root={tmp_path}", "log.every=24", "evaluation.every=48",
    ]  # fmt: skip
    whole = [*words, "data.batch_size=12", "budget.images=96"]
    leave_alone(1, [*whole, "run.name=whole"])
    ganlab.train(config.compose([*whole, "run.name=moved", "budget.images=48"]))
    (tmp_path / "moved" / "config.yaml").write_text(
        (tmp_path / "moved" / "config.yaml").read_text().replace("batch_size: 12", "batch_size: 6")
    )
    with Group(2, train, [*words, "data.batch_size=6", "budget.images=96", "run.name=moved"]) as group:
        assert group.results() == ["finished", "finished"]
    states = [
        load_checkpoint(max((tmp_path / name / "checkpoints").glob("*.ckpt"))) for name in ("whole", "moved")
    ]
    assert states[0]["ganlab"]["clock"] == states[1]["ganlab"]["clock"]
    for name, tensor in states[0]["state_dict"].items():
        np.testing.assert_allclose(states[1]["state_dict"][name], tensor, rtol=0, atol=1e-10, err_msg=name)
    torch.manual_seed(0)
    with caplog.at_level("WARNING"):
        ganlab.train(config.compose([*words, "data.batch_size=6", "budget.images=144", "run.name=moved"]))
    assert "was on 2 ranks and goes on on 1" in caplog.text
    last = load_checkpoint(max((tmp_path / "moved" / "checkpoints").glob("*.ckpt")))
    (watching,) = (state for name, state in last["callbacks"].items() if name.startswith("Diagnostics"))
    assert [len(fakes) for fakes in watching["past"]] == [6, 6]  # those of batches of 12 are another kind
