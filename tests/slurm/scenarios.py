"""What happens to runs on a cluster: each function submits a job, does something to it, and says how it ended."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import TINY
from tests.slurm.cluster import Cluster, wait_for
from tests.wandb_server import Received, Sweep, stand_in

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "slurm"
LONGEST_FIRST = (
    "time_limit", "killed_node", "preempted", "agent", "requeued", "whole", "cancelled", "sweep", "array", "refused",
    "doctor",
)  # fmt: skip
PATIENCE = 300.0  # seconds for a job, on a machine that does other things as well
OVER = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "OUT_OF_MEMORY")
# Two ranks: 200 iterations of 16 images, a line every 10 and a checkpoint every 50 of them.
SETTINGS = [
    *(word for word in TINY if not word.startswith(("run.name", "budget", "evaluation.every", "log.every"))),
    f"--config-dir={ROOT / 'tests/slurm/configs'}", "objective=paced", "budget.images=3200",
    "evaluation.every=800", "log.every=160",
]  # fmt: skip
TWO_NODES = ("--nodes=2", "--gpus-per-node=0", "--cpus-per-task=1", "--mem=1G", "--open-mode=append")
ONE_NODE = ("--nodes=1", *TWO_NODES[1:])


@dataclass(frozen=True)
class Ended:
    """A job that is over.

    Attributes:
        run: its run folder.
        state: SLURM's word for how it ended.
        restarts: how often SLURM has started it again.
        output: what its tasks printed.
    """

    run: Path
    state: str
    restarts: int
    output: str


def train(
    cluster: Cluster,
    name: str,
    *options: str,
    settings: Sequence[str] = (),
    pace: float = 0,
    **variables: str,
) -> str:
    """Submit a run of the common settings and more; the job's id."""
    output = f"--output={cluster.work / name}.out"
    words = [*options, output, str(SCRIPTS / "train.sh"), f"run.name={name}", *SETTINGS, *settings]
    return cluster.submit(*words, PACE=str(pace), **variables)


def ended(cluster: Cluster, job: str, name: str) -> Ended:
    """Wait for the end of a job."""
    wait_for(lambda: cluster.job(job).get("JobState") in OVER, PATIENCE, f"the end of {name}")
    shown, output = cluster.job(job), cluster.work / f"{name}.out"
    said = output.read_text() if output.is_file() else ""
    return Ended(cluster.work / "runs" / name, shown["JobState"], int(shown["Restarts"]), said)


def wait_for_checkpoint(cluster: Cluster, name: str) -> None:
    folder = cluster.work / "runs" / name / "checkpoints"
    wait_for(lambda: any(folder.glob("[0-9]*.ckpt")), PATIENCE, f"a checkpoint of {name}")


def whole(cluster: Cluster) -> Ended:
    """A run on two nodes that nobody interrupts."""
    return ended(cluster, train(cluster, "whole", *TWO_NODES), "whole")


def time_limit(cluster: Cluster) -> Ended:
    """Two minutes are too little for it; SLURM warns it after half a minute to a minute, as it gets round to it."""
    options = (*TWO_NODES, "--time=2", "--signal=USR1@60")
    job = train(cluster, "time_limit", *options, settings=["wandb.mode=offline"], pace=0.5)
    wait_for(lambda: cluster.job(job)["Restarts"] != "0", PATIENCE, "a warning of the time limit")
    cluster.run("scontrol", "update", f"JobId={job}", "TimeLimit=60")
    return ended(cluster, job, "time_limit")


def requeued(cluster: Cluster) -> Ended:
    """Somebody requeues it."""
    job = train(cluster, "requeued", *TWO_NODES, pace=0.1)
    wait_for_checkpoint(cluster, "requeued")
    cluster.run("scontrol", "requeue", job)
    return ended(cluster, job, "requeued")


def preempted(cluster: Cluster) -> Ended:
    """A job of a higher partition wants the GPUs of its first node; its tasks see no scontrol, as in a container."""
    inside = cluster.work / "inside"
    inside.write_text(f'#!/bin/bash\nPATH=/none exec {Path(sys.executable).parent}/ganlab "$@"\n')
    inside.chmod(0o755)
    options = ("--nodes=2", "--cpus-per-task=1", "--mem=1G")
    job = train(cluster, "preempted", *options, pace=0.1, GANLAB=str(inside))
    wait_for_checkpoint(cluster, "preempted")
    higher = ("--partition=high", "--nodelist=node1", "--gpus-per-node=2", "--output=/dev/null")
    cluster.submit(*higher, "--wrap=sleep 1")
    return ended(cluster, job, "preempted")


def killed_node(cluster: Cluster) -> Ended:
    """Its second node dies; there is a third."""
    job = train(cluster, "killed_node", *TWO_NODES, pace=0.1)
    wait_for_checkpoint(cluster, "killed_node")
    cluster.kill_node("node2")
    return ended(cluster, job, "killed_node")


def cancelled(cluster: Cluster) -> tuple[Ended, Ended]:
    """scancel, and a job of its own that goes on with the run."""
    job = train(cluster, "cancelled", *TWO_NODES, pace=0.1)
    wait_for_checkpoint(cluster, "cancelled")
    cluster.run("scancel", job)
    first = ended(cluster, job, "cancelled")
    options = (*TWO_NODES, f"--output={cluster.work / 'cancelled'}.out")
    again = cluster.submit(*options, str(SCRIPTS / "train.sh"), "runs/cancelled")
    return first, ended(cluster, again, "cancelled")


def array(cluster: Cluster) -> dict[str, str]:
    """Four objectives, a task each; states by the end of the job's name."""
    lines = ["objective=hinge 'run.notes=two words'", "objective=wgan", "objective=began", "objective=rpgan"]
    (cluster.work / "losses.txt").write_text("\n".join(lines) + "\n")
    output = f"--output={cluster.work}/array-%a.out"
    tiny = [word for word in TINY if not word.startswith("run.name")]
    words = [*ONE_NODE, "--array=1-4", output, str(SCRIPTS / "train.sh"), "@losses.txt", *tiny]
    job = cluster.submit(*words, "run.root=arrays")
    states = [ended(cluster, f"{job}_{i}", f"array-{i}").state for i in range(1, 5)]
    return {f"{job}_{i}": state for i, state in enumerate(states, 1)}


def refused(cluster: Cluster) -> dict[str, Ended]:
    """Jobs whose tasks are not as many as their devices."""
    devices = train(cluster, "devices", *TWO_NODES, settings=["trainer.devices=3", "trainer.num_nodes=2"])
    gpus = train(cluster, "gpus", "--gpus-per-node=2", *ONE_NODE[2:])
    return {name: ended(cluster, job, name) for name, job in {"devices": devices, "gpus": gpus}.items()}


def doctor(cluster: Cluster) -> Ended:
    """``ganlab doctor`` in a task of a job with too few of them."""
    words = ["--ntasks-per-node=2", "--gpus-per-node=2", "--mem=1G", "--requeue", "--time=7"]
    ask = "srun --ntasks=1 ganlab doctor --json run.root=runs trainer.devices=4"
    job = cluster.submit(
        *words, f"--output={cluster.work / 'doctor'}.out", "--error=/dev/null", f"--wrap={ask}"
    )
    return ended(cluster, job, "doctor")


def agent(cluster: Cluster) -> tuple[Ended, Sweep, dict[str, Received]]:
    """A trial of a W&B sweep on two nodes, requeued in its middle; the sweep has more trials than this one."""
    settings = [word for word in SETTINGS if not word.startswith("wandb.mode")]
    command = ["${program}", "train", *settings, "run.name=trial", "${args_no_hyphens}"]
    sweep = {
        "program": "ganlab",
        "method": "grid",
        "command": command,
        "parameters": {"seed": {"values": [0, 1]}},
    }
    with stand_in() as server:
        server.sweeps["sweep0001"] = Sweep(sweep, [{"seed": 0}, {"seed": 1}])
        words = [*TWO_NODES, "--array=5", f"--output={cluster.work / 'trial'}.out", str(SCRIPTS / "sweep.sh")]
        job = cluster.submit(*words, "tester/ganlab/sweep0001", PACE="0.1", **server.environment()) + "_5"
        wait_for_checkpoint(cluster, "trial")
        cluster.run("scontrol", "requeue", job)
        over = ended(cluster, job, "trial")
        return over, server.sweeps["sweep0001"], server.runs


def sweep(cluster: Cluster) -> Path:
    """A sweep file without a server: two workers in an array share its four trials; the folder of the trials."""
    small = ["network.latent_dim=5", "budget.images=320", "evaluation.every=320", "evaluation.n_fake=100"]
    words = ["ganlab", "sweep", "smoke", *small, "wandb.mode=disabled", "--slurm", "2", "--json"]
    submitted = json.loads(cluster.run(*words, SBATCH_GPUS_PER_NODE="0"))
    for task in (1, 2):
        over = ended(cluster, f"{submitted['job']}_{task}", f"sweep-{task}")
        assert over.state == "COMPLETED", over.state
    return cluster.work / submitted["sweep"]
