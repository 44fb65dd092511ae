"""Real workers, real trials, real deaths."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganlab.report.reading import read_run
from ganlab.runs import RunFolder
from tests.conftest import TINY

WORDS = [word for word in TINY if not word.startswith(("run.name", "evaluation=", "evaluation.every"))]
MEASURED = [*WORDS, "evaluation=digits", "evaluation.n_fake=40", "evaluation.every=64"]
COMMAND = ["ganlab", "train", *MEASURED, "${args_no_hyphens}"]


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """``ganlab sweep`` in a session of its own, with its words."""

    def start(*words: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "ganlab", "sweep", *words, f"run.root={tmp_path / 'runs'}"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
            env={**os.environ, **environment},
        )  # fmt: skip

    return start


def eventually(condition: Callable[[], Any], *processes: subprocess.Popen[str]) -> Any:
    deadline = time.monotonic() + 600
    while not (found := condition()):
        assert time.monotonic() < deadline
        for process in processes:
            assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    return found


def trial_of(worker: subprocess.Popen[str], sweep: Path) -> int | None:
    """The number of the trial whose process is the worker's child, once that has taken its lease."""
    for lease in sweep.glob(".sweep/*.lease"):
        try:
            child = json.loads(lease.read_text())["process"]["pid"]
            parent = int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if parent == worker.pid:
            return int(lease.stem)
    return None


def starts(run: Path) -> int:
    return len(json.loads((run / "environment.json").read_text()))


def test_three_workers_finish_a_grid_once_with_one_of_them_killed(
    sweep_file: Callable[..., Path], start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    parameters = {"objective": {"values": ["hinge", "minimax", "wgan"]}, "seed": {"values": [0, 1, 2, 3]}}
    path, sweep = sweep_file(parameters=parameters, command=COMMAND), tmp_path / "runs" / "sweep"
    settings = ["budget.images=960", "evaluation.every=320", "game.n_critic=1"]
    workers = [start(str(path), *settings) for _ in range(3)]
    victim = workers[0]
    killed = eventually(lambda: trial_of(victim, sweep), *workers) or 0
    eventually(lambda: list(sweep.glob(f"{killed:04d}-*/checkpoints/*.ckpt")), *workers)
    os.killpg(victim.pid, signal.SIGKILL)
    victim.communicate()
    ends = [worker.communicate(timeout=600) for worker in workers[1:]]
    assert [worker.returncode for worker in workers[1:]] == [0, 0]
    said = "".join(err for _, err in ends)
    assert (
        f"[{killed + 1}/12] {next(sweep.glob(f'{killed:04d}-*')).name}: taking up what another worker left"
        in said
    )
    runs = sorted(path for path in sweep.iterdir() if path.name != ".sweep")
    assert [int(run.name[:4]) for run in runs] == list(range(12))
    assert {RunFolder(run).read_summary()["state"] for run in runs} == {"finished"}
    assert {run.name: starts(run) for run in runs} == {
        run.name: 2 if int(run.name[:4]) == killed else 1 for run in runs
    }
    for run in runs:  # what was taken up went on from its checkpoint: no line twice
        images = [line["images"] for line in RunFolder(run).read_metrics() if "loss/d" in line]
        assert images == list(range(16, 961, 16))
    listed = start(str(path), *settings, "--list", "--json").communicate(timeout=600)[0]
    trials = json.loads(listed)["trials"]
    best = {run.name: RunFolder(run).read_summary()["best"]["fid_digits"] for run in runs}
    assert {Path(trial["run"]).name: trial["value"] for trial in trials} == best


def test_a_trial_outlives_its_worker(
    sweep_file: Callable[..., Path], start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    """Only the worker is killed: its trial trains on, and the next worker waits for it and takes the result."""
    path, sweep = (
        sweep_file(parameters={"seed": {"values": [0]}}, command=COMMAND),
        tmp_path / "runs" / "sweep",
    )
    settings = ["budget.images=640"]
    first = start(str(path), *settings)
    eventually(lambda: trial_of(first, sweep) is not None, first)
    first.kill()
    first.wait()
    second = start(str(path), *settings)
    said = second.communicate(timeout=600)[1]
    assert second.returncode == 0, said
    assert "waiting for the other workers" in said
    first.communicate()
    assert starts(next(sweep.glob("0000*"))) == 1


def test_a_trial_that_diverges_is_a_result(
    sweep_file: Callable[..., Path], start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    parameters = {"optimizer.generator.lr": {"values": [1e-4, 1e30]}}
    path = sweep_file(parameters=parameters, command=COMMAND, early_terminate={"type": "hyperband"})
    worker = start(str(path), "optimizer.discriminator.lr=1e-3", "--json")
    out, err = worker.communicate(timeout=600)
    assert worker.returncode == 0, err
    assert "early_terminate is ignored" in err
    good, bad = json.loads(out)["trials"]
    assert (good["state"], good["protocol"]["extractor"]) == ("finished", "digits")
    assert (bad["state"], bad["value"]) == ("failed", None)
    assert bad["parameters"] == {"optimizer.generator.lr": "1e+30"}
    assert "loss became" in bad["reason"] or "weight of the" in bad["reason"]
    assert bad["reason"] in err
    assert RunFolder(Path(bad["run"])).read_summary()["state"] == "failed"


def test_trouble_that_is_not_the_trials_stops_the_worker_and_costs_no_trial(
    sweep_file: Callable[..., Path], start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    metric = {"name": "best/fid", "goal": "minimize"}
    path = sweep_file(parameters={"seed": {"values": [0, 1]}}, command=COMMAND, metric=metric)
    worker = start(str(path))
    err = worker.communicate(timeout=600)[1]
    assert worker.returncode == 1
    assert (
        "ganlab: the runs of this sweep have no best/fid; they measure best/fid_digits, best/is_digits" in err
    )
    assert err.strip().splitlines()[-1].endswith("the sweep can go on")
    assert "Traceback" not in err
    out = start(str(path), "--list", "--json").communicate(timeout=600)[0]
    assert [trial["state"] for trial in json.loads(out)["trials"]] == ["running", "waiting"]
    assert list((tmp_path / "runs" / "sweep" / ".sweep").glob("*.lease")) == []


def test_a_trial_that_raises_holds_up_no_other_and_has_failed_after_three_times(
    sweep_file: Callable[..., Path], start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    """A class of the user's with a mistake in it; and parts that do not fit together, which leave a run too."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "broken.py").write_text(BROKEN)
    parameters = {"network.discriminator.norm": {"values": ["none", "batch"]}}
    path = sweep_file(parameters=parameters, command=COMMAND)
    settings = ["objective=hinge", "objective._target_=broken.Broken", "penalty=[r1]", "data.resolution=16"]
    worker = start(str(path), *settings, "--config-dir", str(tmp_path / "mine"), "--json")
    out, err = worker.communicate(timeout=600)
    assert worker.returncode == 0, err
    broken, unfit = json.loads(out)["trials"]
    assert [trial["state"] for trial in (broken, unfit)] == ["failed", "failed"]
    assert broken["reason"] == "RuntimeError: the class is broken, 3 times"
    assert starts(Path(broken["run"])) == 3
    assert err.index("[2/2]") < err.index(f"{Path(broken['run']).name}: taking up")
    record = read_run(Path(unfit["run"]))
    assert record.state.name == "failed"
    assert "batch normalisation" in record.state.reason
    assert record.config["network.discriminator.norm"] == "batch"
    assert record.problems == ("no metrics.jsonl",)
    assert read_run(Path(broken["run"])).state.name == "failed"


BROKEN = """
from ganlab.objectives import Hinge

class Broken(Hinge):
    def g_loss(self, match):
        raise RuntimeError("the class is broken")
"""


def test_a_trial_may_be_two_processes(
    sweep_file: Callable[..., Path], start: Callable[..., subprocess.Popen[str]]
) -> None:
    path = sweep_file(parameters={"seed": {"values": [0]}}, command=COMMAND)
    worker = start(str(path), "trainer.devices=2", "trainer.accelerator=cpu", "--json")
    out, err = worker.communicate(timeout=600)
    assert worker.returncode == 0, err
    (trial,) = json.loads(out)["trials"]
    assert trial["state"] == "finished"
    assert RunFolder(Path(trial["run"])).starts[-1]["ranks"] == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_asked_to_stop_saves_its_trial(
    sweep_file: Callable[..., Path],
    start: Callable[..., subprocess.Popen[str]],
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    path, sweep = (
        sweep_file(parameters={"seed": {"values": [7]}}, command=COMMAND),
        tmp_path / "runs" / "sweep",
    )
    settings = ["budget.images=6400", "evaluation.every=3200"]
    worker = start(str(path), *settings)
    eventually(lambda: list(sweep.glob("0000*/metrics.jsonl")), worker)
    worker.send_signal(number)
    err = worker.communicate(timeout=600)[1]
    assert worker.returncode == 130
    assert "stopped; it goes on when a worker comes back" in err
    (run,) = sweep.glob("0000*")
    assert RunFolder(run).read_summary()["state"] == "preempted"
    assert len(RunFolder(run).list_checkpoints()) == 1
    again = start(str(path), *settings)
    assert "taking up" in again.communicate(timeout=600)[1]
    assert RunFolder(run).read_summary()["state"] == "finished"
    assert starts(run) == 2


def test_slurm_gets_an_array_of_workers(
    sweep_file: Callable[..., Path], start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    path = sweep_file(command=COMMAND)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sbatch").write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/told\necho "42;cluster"\n'
    )
    (tmp_path / "bin" / "sbatch").chmod(0o755)
    worker = start(str(path), "budget.images=64", "--slurm", "4", PATH=f"{tmp_path}/bin:/usr/bin:/bin")
    out, err = worker.communicate(timeout=600)
    if worker.returncode:
        assert "slurm/sweep.sh is not installed here" in err
        return
    assert out == f"job 42: 4 workers on 6 trials in {tmp_path}/runs/sweep\n"
    told = (tmp_path / "told").read_text().splitlines()
    assert told[:2] == ["--parsable", "--array=1-4"]
    assert told[2].endswith("slurm/sweep.sh")
    assert told[3:] == [str(path), "budget.images=64", f"run.root={tmp_path / 'runs'}"]
