"""What goes wrong between several processes: one sentence, a non-zero exit, and nobody left behind."""

import contextlib
import io
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganlab.cli import main
from tests.conftest import TINY
from tests.processes import Group

Ranks = Callable[..., list[Any]]


def _cli(words: list[str], environment: dict[str, str] | None = None) -> tuple[int, str]:
    """The exit code of a command and what it says on standard error."""
    os.environ |= environment or {}
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = main(words)
    lines = [line for line in said.getvalue().splitlines() if line.startswith("ganlab")]
    return code, "\n".join(lines)


def _cli_in_a_folder_of_its_own(root: Path, words: list[str]) -> tuple[int, str]:
    folder = root / f"host{os.environ['RANK']}"
    folder.mkdir()
    os.chdir(folder)
    return _cli(words)


def test_a_folder_that_only_rank_0_sees_is_refused_once(ranks: Ranks, tmp_path: Path) -> None:
    first, second = ranks(2, _cli_in_a_folder_of_its_own, tmp_path, ["train", *TINY, "run.root=runs"])
    assert first[0] == second[0] == 1
    assert first[1].startswith(f"ganlab: {tmp_path}/host0/runs/tiny is not the same folder on all hosts: ")
    assert first[1].endswith("set run.root to a folder on a file system that all hosts share")
    assert second[1] == ""


def test_what_rank_0_finds_wrong_is_said_once(ranks: Ranks, tmp_path: Path) -> None:
    words = ["train", *TINY, f"run.root={tmp_path}"]
    assert [code for code, _ in ranks(2, _cli, words)] == [0, 0]
    (code0, said0), (code1, said1) = ranks(2, _cli, [*words, "seed=7"])
    assert code0 == code1 == 1
    assert "was made with other values of seed" in said0
    assert said1 == ""
    (code0, said0), (code1, said1) = ranks(2, _cli, [*words, "sead=7"])
    assert code0 == code1 == 1
    assert "sead" in said0
    assert said1 == ""


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["trainer.devices=3"], "has started 2 processes on each of 1 nodes; leave both keys out, or start with"
         " --nproc-per-node=3 --nnodes=1"),
        (["trainer.devices=2", "trainer.num_nodes=2"], "trainer.devices=2 on trainer.num_nodes=2, but torchrun"),
    ],
)  # fmt: skip
def test_more_processes_than_were_started(
    words: list[str], sentence: str, ranks: Ranks, tmp_path: Path
) -> None:
    (code0, said0), (code1, said1) = ranks(2, _cli, ["train", *TINY, f"run.root={tmp_path}", *words])
    assert code0 == code1 == 1
    assert sentence in said0
    assert said1 == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"SLURM_NTASKS": "3", "SLURM_NTASKS_PER_NODE": "3"}, "--ntasks-per-node=2 --nodes=1"),
        ({"SLURM_NTASKS": "5", "SLURM_NNODES": "2"}, "set --ntasks-per-node instead of --ntasks"),
        (
            {"SLURM_NTASKS": "5", "SLURM_NNODES": "2", "SLURM_NTASKS_PER_NODE": "3"},
            "SLURM_NTASKS=5 tasks do not divide among SLURM_NNODES=2 nodes",
        ),
    ],
)
def test_tasks_of_slurm_that_do_not_fit(
    environment: dict[str, str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    job = {"SLURM_STEP_ID": "0", "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0"}
    for name, value in {"SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "gan", **job, **environment}.items():
        monkeypatch.setenv(name, value)
    previous = signal.getsignal(signal.SIGUSR1)
    try:
        assert main(["train", *TINY, f"run.root={tmp_path}", "trainer.devices=2"]) == 1
    finally:
        signal.signal(signal.SIGUSR1, previous)
    said = capsys.readouterr().err
    assert sentence in said
    assert "SLURM_NTASKS" in said or "slurm has started" in said
    assert len(said.splitlines()) == 1


def _cli_with_a_small_disk(words: list[str]) -> tuple[int, str]:
    if os.environ["RANK"] == "0":
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    return _cli(words)


def test_a_disk_full_at_checkpoint_time_ends_all_ranks(ranks: Ranks, tmp_path: Path) -> None:
    (code0, said0), (code1, said1) = ranks(
        2, _cli_with_a_small_disk, ["train", *TINY, f"run.root={tmp_path}"]
    )
    assert code0 == code1 == 1
    assert said0.startswith("ganlab: cannot save the checkpoint")
    assert "File too large" in said0
    assert said1 == "ganlab, rank 1: lost contact with another process of this run, which has ended"
    assert not list((tmp_path / "tiny" / "checkpoints").glob("*.ckpt"))
    assert json.loads((tmp_path / "tiny" / "summary.json").read_text())["state"] == "failed"


def test_a_rank_that_dies_ends_the_others(tmp_path: Path) -> None:
    words = ["train", *TINY, f"run.root={tmp_path}", "budget.images=1000000"]
    with Group(2, _cli, words) as group:
        checkpoints = tmp_path / "tiny" / "checkpoints"
        while not any(checkpoints.glob("*.ckpt")):
            assert not group.wait(0.05)
        group.kill(1)
    summary = json.loads((tmp_path / "tiny" / "summary.json").read_text())
    assert summary["state"] == "failed"
    assert summary["reason"] == "lost contact with another process of this run, which has ended"


@pytest.fixture
def two_devices(tmp_path: Path) -> Callable[..., subprocess.Popen]:
    """Start ``ganlab train trainer.devices=2``, which starts the second process itself."""

    def start(*words: str, **environment: str) -> subprocess.Popen:
        command = [
            sys.executable,
            "-m",
            "ganlab",
            "train",
            *TINY,
            f"run.root={tmp_path}",
            "trainer.devices=2",
            *words,
        ]
        return subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def _children(process: subprocess.Popen) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def _ends(pid: int, seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                time.sleep(0.05)
                continue
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_launching_process_leaves_no_orphans(
    two_devices: Callable[..., subprocess.Popen], tmp_path: Path, number: signal.Signals
) -> None:
    process = two_devices("budget.images=1000000")
    while not any((tmp_path / "tiny" / "checkpoints").glob("*.ckpt")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    children = _children(process)
    assert children
    process.send_signal(number)
    printed, said = process.communicate(timeout=60)
    assert all(_ends(pid) for pid in children)
    if number == signal.SIGTERM:
        assert process.returncode == 130
        assert "to go on: ganlab train" in printed
        assert said.count("stopping after this iteration") == 1


def test_a_port_that_is_taken(two_devices: Callable[..., subprocess.Popen], tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = two_devices(MASTER_PORT=str(port), MASTER_ADDR="127.0.0.1")
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.startswith(f"ganlab: the processes cannot meet at 127.0.0.1:{port}: ")
    assert "MASTER_PORT a free port" in said
    assert "Traceback" not in said
    assert not list(tmp_path.iterdir())
