"""`ganlab doctor` on this machine as it is, and as it looks with one thing wrong."""

import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from ganlab import cli, config, doctor
from ganlab.doctor import Finding, folders, hardware, inputs, slurm, software


@pytest.fixture(autouse=True)
def _no_job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SLURM_JOB_ID", "WANDB_MODE", "WANDB_API_KEY", "GANLAB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def found(check: Callable, *settings: str) -> dict[str, Finding]:
    return {finding.name: finding for finding in check(config.compose([*settings]))}


def test_this_machine_is_ready(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--json"]) == 0
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert result["state"] in ("ok", "warning")
    names = [finding["name"] for finding in result["findings"]]
    assert {"versions", "cpu", "gloo", "nccl", "bf16-mixed", "16-mixed", "slurm", "wandb"} <= set(names)
    assert {"digits", "inception", "data", "runs", "cache", "temporary"} <= set(names)
    assert not [f for f in result["findings"] if f["name"] in ("gloo", "data") and f["state"] != "ok"]
    assert f"torch {metadata.version('torch')}" in result["findings"][0]["found"]
    assert len(printed.err.splitlines()) == len(names)
    assert list(Path().iterdir()) == []


def test_what_is_broken_is_told_and_ends_with_1(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert cli.main(["doctor", f"run.root={tmp_path}/file/runs"]) == 1
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("broken")]
    assert line.startswith(f"broken   runs       cannot write {tmp_path}/file/runs (")
    assert line.endswith("; set run.root to a folder you may write to")
    assert (tmp_path / "file").read_text() == "not a folder"
    assert cli.main(["doctor", "runs/a"]) == 2
    assert cli.main(["doctor", "objective=hnge"]) == 1
    assert "did you mean hinge" in capsys.readouterr().err


def test_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_ENOUGH", 2**80)
    space = found(folders.places, "run.root=here")
    assert (space["runs"].state, space["cache"].state) == ("warning", "warning")
    assert space["runs"].found.startswith("here, which will be made: ")
    monkeypatch.setattr(folders, "_TOO_LITTLE", 2**80)
    runs = found(folders.places)["runs"]
    assert runs.state == "broken"
    assert runs.advice == "make room, or set run.root to a folder you may write to"


def test_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    required = ["torch>=99", "no_such_package>=1.5", "lightning>=2", "ruff>99; extra == 'dev'"]
    monkeypatch.setattr(metadata, "requires", lambda name: required)
    monkeypatch.setattr(software, "_IMPORTED", ("torch", "no_such_package"))
    lines = list(software.versions(config.compose([])))
    said = [(finding.name, finding.advice) for finding in lines if finding.state == "broken"]
    assert said == [
        ("torch", "pip install 'torch>=99'"),
        ("no_such_package", "pip install 'no_such_package>=1.5'"),
        ("no_such_package", "pip install --force-reinstall no_such_package"),
    ]


def test_devices_and_communication(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "nosuchinterface0")
    gloo = found(hardware.communication)["gloo"]
    assert gloo.state == "broken"
    assert gloo.advice is not None
    assert "GLOO_SOCKET_IFNAME" in gloo.advice
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert found(hardware.devices)["cuda"].state == "ok"
    assert found(hardware.devices, "trainer.accelerator=gpu")["cuda"].state == "broken"


def test_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(hardware.processes, "trainer=cpu")["trainer"].found == "1 process on cpu"
    torchrun = {
        "TORCHELASTIC_RUN_ID": "r",
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "RANK": "0",
        "LOCAL_RANK": "0",
    }
    for name, value in torchrun.items():
        monkeypatch.setenv(name, value)
    assert found(hardware.processes, "trainer=cpu")["trainer"].found == "2 processes on cpu"
    wrong = found(hardware.processes, "trainer=cpu", "trainer.devices=3")["trainer"]
    assert wrong.state == "broken"
    assert "--nproc-per-node=3" in wrong.found


@pytest.mark.gpu
def test_gpu() -> None:
    findings = found(hardware.devices) | found(hardware.communication) | found(hardware.precisions)
    states = {name: findings[name].state for name in ("cuda:0", "nccl", "bf16-mixed", "16-mixed")}
    assert states == dict.fromkeys(states, "ok")


def test_what_a_run_reads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GANLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    absent = found(inputs.data, "data=cifar10")["data"]
    assert (absent.state, absent.found) == ("warning", "cifar10 is not here and would be downloaded")
    assert absent.advice == "ganlab prefetch data=cifar10, or set data.root to where it lies"
    assert found(inputs.data, "evaluation.weights=none.pt")["data"].state == "broken"
    assert found(inputs.weights)["inception"].state == "ok"
    asked = found(inputs.weights, "evaluation=inception")["inception"]
    assert asked.state == "warning"
    here = tmp_path / "cache" / "weights" / "weights-inception-2015-12-05-6726825d.pth"
    here.parent.mkdir(parents=True)
    here.touch()
    assert found(inputs.weights, "evaluation=inception")["inception"].found == str(here)


def test_tracking(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(inputs.tracking, "wandb.mode=disabled")["wandb"].found == "disabled"
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    assert found(inputs.tracking, "wandb.project=p")["wandb"].found == "online, to project p"
    monkeypatch.setenv("WANDB_MODE", "sometimes")
    assert found(inputs.tracking)["wandb"].state == "warning"
    assert found(inputs.tracking, "wandb.mode=offline")["wandb"].state == "ok"


def test_allocation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert found(slurm.allocation)["slurm"].found == "none"
    job = {"JOB_ID": 7, "JOB_NUM_NODES": 2, "JOB_NODELIST": "n[1-2]", "GPUS_ON_NODE": 4, "CPUS_ON_NODE": 32}
    for name, value in (job | {"NTASKS": 8, "NTASKS_PER_NODE": 4}).items():
        monkeypatch.setenv(f"SLURM_{name}", str(value))
    fits = found(slurm.allocation)
    assert fits["slurm"].found == "job 7 on n[1-2], 2 nodes, 8 tasks, 4 GPUs and 32 CPUs on this node"
    assert "tasks" not in fits
    assert fits["requeue"].state == "warning"
    monkeypatch.setenv("SLURM_NTASKS", "2")
    few = found(slurm.allocation)["tasks"]
    assert (few.found, few.advice) == ("2 tasks for 8 GPUs", "give sbatch --ntasks-per-node=4")


def test_a_check_that_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def burning(cfg: object) -> None:
        raise OSError("the machine\nburns")

    monkeypatch.setattr(doctor, "CHECKS", (burning, inputs.tracking))
    first, second = doctor.examine(config.compose([]))
    assert (first.name, first.state, first.found) == ("burning", "broken", "OSError: the machine burns")
    assert second.name == "wandb"
    assert doctor.as_json([first, second])["state"] == "broken"
