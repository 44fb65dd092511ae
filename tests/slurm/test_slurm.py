"""slurm/*.sh on a real cluster: whatever SLURM does to a run, it ends as if nothing had happened."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganlab.checkpoints import load_checkpoint, verifies
from ganlab.runs import RunFolder
from tests.slurm.cluster import Cluster
from tests.test_training import assert_same_run

pytestmark = pytest.mark.xdist_group("slurm")  # one cluster, in one worker
Outcome = Callable[[str], Any]


def test_two_nodes_train_to_the_end(outcome: Outcome) -> None:
    whole = outcome("whole")
    assert (whole.state, whole.restarts) == ("COMPLETED", 0), whole.output
    folder = RunFolder(whole.run)
    assert folder.read_summary()["state"] == "finished"
    assert load_checkpoint(folder.newest_checkpoint())["ganlab"]["ranks"] == 2
    assert whole.output.count("finished after 3,200 images") == 1


@pytest.mark.parametrize("name", ["time_limit", "requeued", "preempted", "killed_node"])
def test_an_interrupted_run_ends_as_if_nothing_had_happened(name: str, outcome: Outcome) -> None:
    run = outcome(name)
    assert run.state == "COMPLETED", run.output
    assert run.restarts >= 1, run.output
    starts = json.loads((run.run / "environment.json").read_text())
    assert len(starts) == run.restarts + 1
    assert_same_run(outcome("whole").run, run.run)


def test_a_cancelled_run_can_be_gone_on_with(outcome: Outcome) -> None:
    cancelled, again = outcome("cancelled")
    assert (cancelled.state, cancelled.restarts) == ("CANCELLED", 0)
    assert "to go on: ganlab train" in cancelled.output
    assert again.state == "COMPLETED", again.output
    assert_same_run(outcome("whole").run, again.run)


def test_an_array_runs_four_configurations(outcome: Outcome, cluster: Cluster) -> None:
    states = outcome("array")
    assert list(states.values()) == ["COMPLETED"] * 4
    runs = {path.name.rpartition("-")[2]: RunFolder(path) for path in (cluster.work / "arrays").iterdir()}
    assert runs.keys() == states.keys()  # every name ends in the task's own id
    objectives = [runs[task].path.name.split("-")[1] for task in states]
    assert objectives == ["hinge", "wasserstein", "began", "relativisticpaired"]
    assert {run.read_summary()["state"] for run in runs.values()} == {"finished"}
