"""``wandb sweep`` and ``wandb agent`` as they are, on the same sweep files, against a server of our own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ganlab.runs import RunFolder
from tests.conftest import TINY
from tests.wandb_server import ENTITY, StandIn, stand_in

ROOT = Path(__file__).parent.parent
WANDB = [sys.executable, "-m", "wandb"]
SMALL = [w for w in TINY if not w.startswith(("run.name", "wandb.mode", "evaluation"))]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A user's, whose ``ganlab`` is this one."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "ganlab").write_text(f'#!/bin/sh\nexec {sys.executable} -m ganlab "$@"\n')
    (bin_ / "ganlab").chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    path = f"{bin_}:{os.environ['PATH']}"
    return {**kept, "HOME": str(tmp_path), "PATH": path, "PYTHONPATH": str(ROOT), "WANDB_SILENT": "true"}


def smaller(path: Path, folder: Path, *words: str) -> Path:
    """A shipped sweep file with further settings in its command, so that its trials take a moment."""
    content = yaml.safe_load(path.read_text())
    command = [word for word in content["command"] if word != "${args_no_hyphens}"]
    content["command"] = [*command, *words, "${args_no_hyphens}"]
    (folder / path.name).write_text(yaml.safe_dump(content))
    return folder / path.name


def call(*words: str, server: StandIn, environment: dict[str, str], folder: Path) -> str:
    done = subprocess.run(
        [*WANDB, *words], cwd=folder, env={**environment, **server.environment()}, capture_output=True, text=True,
        timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stderr + done.stdout


def sweep_of(server: StandIn, file: Path, environment: dict[str, str]) -> str:
    call(
        "sweep", "--project", "ganlab", str(file), server=server, environment=environment, folder=file.parent
    )
    (name,) = server.sweeps
    return f"{ENTITY}/ganlab/{name}"


def test_an_agent_runs_the_four_trials_of_smoke(tmp_path: Path, environment: dict[str, str]) -> None:
    words = [*SMALL, "evaluation.every=32", "evaluation.n_fake=40"]
    file = smaller(ROOT / "configs" / "sweep" / "smoke.yaml", tmp_path, *words)
    with stand_in() as server:
        path = sweep_of(server, file, environment)
        call(
            "agent",
            "--forward-signals",
            "--count",
            "4",
            path,
            server=server,
            environment=environment,
            folder=tmp_path,
        )
        (sweep,) = server.sweeps.values()
    assert sweep.waiting == []
    assert sorted((p["objective"], p["seed"]) for p in sweep.claimed.values()) == [
        ("hinge", 0), ("hinge", 1), ("non_saturating", 0), ("non_saturating", 1),
    ]  # fmt: skip
    assert server.runs.keys() == sweep.claimed.keys()
    runs = {(run / "wandb_id").read_text(): RunFolder(run) for run in (tmp_path / "runs").iterdir()}
    assert runs.keys() == sweep.claimed.keys()
    for name, point in sweep.claimed.items():
        received, run = server.runs[name], runs[name]
        assert received.fields["sweep"] == path.rpartition("/")[2]
        assert received.exit_code == 0
        assert received.config["seed"] == point["seed"]
        assert yaml.safe_load(run.config.read_text())["seed"] == point["seed"]
        assert received.summary["best/fid_digits"] == run.read_summary()["best"]["fid_digits"]
        assert [row["images"] for row in received.history] == [0, 16, 32, 48, 64]


def test_an_agents_trial_may_be_two_processes(tmp_path: Path, environment: dict[str, str]) -> None:
    """Both ranks read the trial from their command line, and the server sees one run."""
    words = [
        *SMALL,
        "trainer.devices=2",
        "trainer.accelerator=cpu",
        "evaluation.every=32",
        "evaluation.n_fake=40",
    ]
    file = smaller(ROOT / "configs" / "sweep" / "smoke.yaml", tmp_path, *words)
    with stand_in() as server:
        path = sweep_of(server, file, environment)
        call(
            "agent",
            "--forward-signals",
            "--count",
            "1",
            path,
            server=server,
            environment=environment,
            folder=tmp_path,
        )
        (sweep,) = server.sweeps.values()
    ((name, point),) = sweep.claimed.items()
    assert list(server.runs) == [name]
    received = server.runs[name]
    assert received.exit_code == 0
    (run,) = (RunFolder(path) for path in (tmp_path / "runs").iterdir())
    assert run.starts[-1]["ranks"] == 2
    assert run.read_summary()["state"] == "finished"
    assert yaml.safe_load(run.config.read_text())["seed"] == point["seed"]
    assert [row["images"] for row in received.history] == [0, 16, 32, 48, 64]
    logged = {row["images"]: row.get("loss/d") for row in received.history}
    assert {
        line["images"]: line["loss/d"] for line in run.read_metrics() if "loss/d" in line
    }.items() <= logged.items()
