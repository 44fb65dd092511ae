"""Who started this process, and with how many others: a person, torchrun, or SLURM."""

import os
import subprocess

from ganlab.errors import ConfigError, GanlabError


def launcher() -> str:
    """``torchrun``, ``slurm`` (a task of srun), or ``local``."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        return "torchrun"
    step = os.environ.get("SLURM_STEP_ID")  # a batch script itself has none
    if step is not None and os.environ.get("SLURM_JOB_NAME") not in ("bash", "interactive"):
        return "slurm"
    return "local"


def rank() -> int:
    """This process among those that were started together; 0 before `ganlab` itself has started others."""
    by = {"torchrun": "RANK", "slurm": "SLURM_PROCID", "local": "LOCAL_RANK"}[launcher()]
    return int(os.environ.get(by, 0))


def allocation() -> tuple[int, int] | None:
    """Processes on each node and nodes, as torchrun or SLURM started them; None where neither did.

    Raises:
        ConfigError: not the same number of processes on every node.
    """
    by = launcher()
    if by == "local":
        return None
    if by == "torchrun":
        size, on_node = int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"])
        if size % on_node:
            raise ConfigError(f"{size} processes, {on_node} of them here; torchrun: give every node as many")
        return on_node, size // on_node
    tasks, nodes = int(os.environ["SLURM_NTASKS"]), int(os.environ.get("SLURM_NNODES", 1))
    if tasks > 1 and "SLURM_NTASKS_PER_NODE" not in os.environ:
        raise ConfigError(
            f"SLURM has started SLURM_NTASKS={tasks} tasks on SLURM_NNODES={nodes} nodes without"
            " SLURM_NTASKS_PER_NODE; set --ntasks-per-node instead of --ntasks"
        )
    if tasks % nodes:
        raise ConfigError(
            f"SLURM_NTASKS={tasks} tasks do not divide among SLURM_NNODES={nodes} nodes; set --ntasks-per-node"
        )
    return tasks // nodes, nodes


def job() -> str | None:
    """What makes a run's name its own under SLURM, the same after a requeue: JOB, ARRAY_TASK or JOB.STEP."""
    if launcher() != "slurm":
        return None
    step = os.environ.get("SLURM_STEP_ID", "0")
    return slurm_job_id() + ("" if step == "0" else f".{step}")


def slurm_job_id() -> str:
    """What scontrol calls the job that this process belongs to."""
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    return f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}" if array else os.environ["SLURM_JOB_ID"]


def requeue() -> None:
    """Ask SLURM to run this job again; it ends this one at once, so call it last.

    Raises:
        GanlabError: SLURM refuses, with its reason.
    """
    command = ["scontrol", "requeue", slurm_job_id()]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GanlabError(f"cannot requeue this job: {error}") from error
    if done.returncode:
        raise GanlabError(f"cannot requeue this job: {' '.join(command)} says {done.stderr.strip()}")
