"""slurm/*.sh on a real cluster: whatever SLURM does to a run, it ends as if nothing had happened."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganlab.runs import RunFolder
from tests.slurm import scenarios
from tests.slurm.cluster import Cluster
from tests.test_training import assert_same_run

pytestmark = pytest.mark.xdist_group("slurm")  # one cluster, in one worker
Outcome = Callable[[str], Any]


def test_two_nodes_train_to_the_end(outcome: Outcome) -> None:
    whole = outcome("whole")
    assert (whole.state, whole.restarts) == ("COMPLETED", 0), whole.output
    folder = RunFolder(whole.run)
    assert folder.read_summary()["state"] == "finished"
    assert [start["ranks"] for start in folder.starts] == [2]
    assert whole.output.count("finished after 3,200 images") == 1


@pytest.mark.parametrize("name", ["time_limit", "requeued", "preempted", "killed_node"])
def test_an_interrupted_run_ends_as_if_nothing_had_happened(name: str, outcome: Outcome) -> None:
    run = outcome(name)
    assert run.state == "COMPLETED", run.output
    assert run.restarts >= 1, run.output
    assert [start["ranks"] for start in RunFolder(run.run).starts] == [2] * (run.restarts + 1)
    assert_same_run(outcome("whole").run, run.run)


def test_a_requeued_run_goes_on_in_the_same_wandb_run(outcome: Outcome) -> None:
    run = outcome("time_limit")
    parts = [path.name for path in (run.run / "wandb").glob("offline-run-*")]
    assert len(parts) == run.restarts + 1
    assert {name.rpartition("-")[2] for name in parts} == {(run.run / "wandb_id").read_text()}


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


def test_tasks_that_are_not_as_many_as_devices_are_refused(outcome: Outcome) -> None:
    ended = outcome("refused")
    for name, variable in {
        "devices": "sbatch --ntasks-per-node=3 --nodes=2",
        "gpus": "--ntasks-per-node=2",
    }.items():
        assert (ended[name].state, ended[name].restarts) == ("FAILED", 0)
        (sentence,) = [line for line in ended[name].output.splitlines() if line.startswith("ganlab")]
        assert variable in sentence
        assert not ended[name].run.exists()


def test_doctor_in_a_job(outcome: Outcome) -> None:
    findings = {finding["name"]: finding for finding in json.loads(outcome("doctor").output)["findings"]}
    assert "1 nodes, 1 tasks, 2 GPUs" in findings["slurm"]["found"]
    assert findings["cuda"]["state"] == "broken"  # SLURM speaks of GPUs and torch sees none
    assert findings["tasks"]["advice"] == "give sbatch --ntasks-per-node=2"
    assert "--ntasks-per-node=4" in findings["trainer"]["found"]
    assert findings["requeue"]["found"] == "allowed; time limit 00:07:00"


def test_a_requeued_task_of_a_sweep_goes_on_with_its_trial(outcome: Outcome) -> None:
    trial, sweep, runs = outcome("agent")
    assert (trial.state, trial.restarts) == ("COMPLETED", 1), trial.output
    assert list(sweep.claimed.values()) == [{"seed": 0}]
    assert sweep.waiting == [{"seed": 1}]
    assert list(runs) == list(sweep.claimed)  # one W&B run
    assert trial.output.count("Agent received command: run") == 1
    assert_same_run(outcome("whole").run, trial.run)


def test_an_array_of_workers_shares_one_sweep(outcome: Outcome) -> None:
    runs = {path.name: RunFolder(path) for path in outcome("sweep").glob("0*")}
    assert {name.partition("-")[2] for name in runs} == {
        f"{objective}-{seed}" for objective in ("non_saturating", "hinge") for seed in (0, 1)
    }
    assert [len(run.starts) for run in runs.values()] == [1] * 4  # no trial twice
    assert {run.read_summary()["state"] for run in runs.values()} == {"finished"}


def test_runs_are_measured_in_an_array(outcome: Outcome, cluster: Cluster) -> None:
    runs = [outcome(name).run for name in ("whole", "requeued")]
    words = [*scenarios.ONE_NODE, "--array=3-4", f"--output={cluster.work}/measured-%a.out"]
    words += [str(scenarios.SCRIPTS / "evaluate.sh"), *map(str, runs), "evaluation=digits"]
    job = cluster.submit(*words, "evaluation.n_fake=100", "--metrics", "fid")
    said = []
    for task, run in zip((3, 4), runs, strict=True):
        measured = scenarios.ended(cluster, f"{job}_{task}", f"measured-{task}")
        assert measured.state == "COMPLETED", measured.output
        checkpoint, number = measured.output.splitlines()[:2]
        assert Path(checkpoint).is_relative_to(run), measured.output
        said.append(number.split())
    assert said[0] == said[1]
    assert said[0][0] == "fid_digits"


@pytest.mark.parametrize("script", ["train.sh", "evaluate.sh", "sweep.sh"])
def test_the_command_line_wins_over_every_line_of_a_script(script: str, cluster: Cluster) -> None:
    ours = {
        "job-name": "mine", "nodes": "2", "ntasks-per-node": "2", "gpus-per-node": "0", "cpus-per-task": "3",
        "mem": "2G", "time": "5", "signal": "TERM@7", "no-requeue": "", "open-mode": "truncate",
    }  # fmt: skip
    path = scenarios.SCRIPTS / script
    lines = [line.split("--")[1] for line in path.read_text().splitlines() if line.startswith("#SBATCH")]
    assert {line.partition("=")[0].replace("requeue", "no-requeue") for line in lines} <= ours.keys()
    options = [f"--{name}={value}".rstrip("=") for name, value in ours.items()]
    job = cluster.submit("--hold", *options, str(path), "x")
    shown = cluster.job(job)
    cluster.run("scancel", job)
    expected = {
        "JobName": "mine", "NumNodes": "2-2", "NumTasks": "4", "CPUs/Task": "3", "MinMemoryNode": "2G",
        "TimeLimit": "00:05:00", "Requeue": "0",
    }  # fmt: skip
    assert {name: shown[name] for name in expected} == expected
