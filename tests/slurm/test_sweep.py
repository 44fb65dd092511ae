"""``ganlab sweep FILE --slurm``: an array of workers that share a study."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ganlab.runs import RunFolder
from tests.conftest import TINY
from tests.slurm.cluster import Cluster, wait_for
from tests.slurm.scenarios import OVER, PATIENCE

pytestmark = pytest.mark.xdist_group("slurm")
SMALL = [word for word in TINY if not word.startswith(("run.name", "evaluation="))]


def sweep(cluster: Cluster, *words: str, **variables: str) -> dict[str, Any]:
    """What ``ganlab sweep --json`` prints on the machine where jobs are submitted."""
    done = subprocess.run(
        [sys.executable, "-m", "ganlab", "sweep", *words, "--json"], cwd=cluster.work, timeout=600,
        env={**cluster.environment, **variables}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_array_of_two_workers_shares_a_sweep(cluster: Cluster) -> None:
    content = {
        "program": "ganlab", "method": "grid", "metric": {"name": "best/fid_digits", "goal": "minimize"},
        "parameters": {"seed": {"values": [0, 1, 2]}},
        "command": ["ganlab", "train", *SMALL, "evaluation=digits", "evaluation.n_fake=40", "${args_no_hyphens}"],
    }  # fmt: skip
    file = cluster.work / "seeds.yaml"
    file.write_text(yaml.safe_dump(content))
    root = f"run.root={cluster.work / 'sweeps'}"
    sizes = {
        "SBATCH_GPUS_PER_NODE": "0",
        "SBATCH_MEM_PER_NODE": "1G",
        "SBATCH_OUTPUT": f"{cluster.work}/sweep-%a.out",
    }
    job = sweep(cluster, str(file), root, "--slurm", "2", **sizes)["job"]
    tasks = [f"{job}_{task}" for task in (1, 2)]
    wait_for(lambda: all(cluster.job(task)["JobState"] in OVER for task in tasks), PATIENCE, "the array")
    output = "".join(path.read_text() for path in sorted(cluster.work.glob("sweep-*.out")))
    assert [cluster.job(task)["JobState"] for task in tasks] == ["COMPLETED"] * 2, output
    runs = [
        RunFolder(path)
        for path in sorted((cluster.work / "sweeps" / "seeds").iterdir())
        if path.name != ".sweep"
    ]
    assert [run.path.name for run in runs] == ["0000-0", "0001-1", "0002-2"]
    assert [run.read_summary()["state"] for run in runs] == ["finished"] * 3
    assert [len(run.starts) for run in runs] == [1, 1, 1]
    listed = sweep(cluster, str(file), root, "--list")
    assert listed["state"] == "finished"
    assert [Path(trial["run"]).name for trial in listed["trials"]] == ["0000-0", "0001-1", "0002-2"]
