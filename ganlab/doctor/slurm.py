"""SLURM's allocation as a task of it sees it."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator

from omegaconf import DictConfig

from ganlab.doctor.finding import Finding


def allocation(cfg: DictConfig) -> Iterator[Finding]:
    """The job, whether it has a task for every GPU, and whether it can be requeued."""
    job = os.environ.get("SLURM_JOB_ID")
    if job is None:
        here = shutil.which("sbatch") is not None
        yield Finding("slurm", "ok", "no job; sbatch is here (slurm/train.sh)" if here else "none")
        return
    nodes, per_node, tasks = (_number(name) for name in ("JOB_NUM_NODES", "NTASKS_PER_NODE", "NTASKS"))
    gpus, tasks = _number("GPUS_ON_NODE"), tasks or nodes * (per_node or 1)
    words = [f"job {job} on {os.environ.get('SLURM_JOB_NODELIST', '?')}", f"{nodes} nodes", f"{tasks} tasks"]
    words += [f"{gpus} GPUs and {_number('CPUS_ON_NODE')} CPUs on this node"]
    yield Finding("slurm", "ok", ", ".join(words))
    if gpus and gpus * nodes != tasks:
        found = f"{tasks} tasks for {gpus * nodes} GPUs"
        yield Finding("tasks", "broken", found, f"give sbatch --ntasks-per-node={gpus}")
    yield _requeue(job)


def _requeue(job: str) -> Finding:
    try:
        show = ["scontrol", "--oneliner", "show", "job", job]
        shown = subprocess.run(show, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        advice = "the batch script asks in its place (slurm/train.sh does)"
        return Finding("requeue", "warning", "scontrol is not here or does not answer", advice)
    if "Requeue=1" not in shown:
        return Finding("requeue", "warning", "this job ends at its time limit", "give sbatch --requeue")
    limit = re.search(r" TimeLimit=(\S+)", shown)
    return Finding("requeue", "ok", f"allowed; time limit {limit[1] if limit else 'unknown'}")


def _number(name: str) -> int:
    """One of SLURM's variables; 0 if it is not there."""
    return int(os.environ.get(f"SLURM_{name}", 0))
