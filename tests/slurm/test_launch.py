"""slurm/launch.sh by itself: what it hands to srun, seen by an srun that only prints it."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("launch")  # they look for the same free port
Launch = Callable[..., subprocess.CompletedProcess]
LAUNCH = Path(__file__).parents[2] / "slurm" / "launch.sh"
TASK = ["bash", "-c", 'trap "" USR1; exec "$@"', "task"]
SCONTROL = """
case "$*" in
    "show hostnames n[1-2]") printf 'n1\\nn2\\n' ;;
    "--oneliner show node n1") echo "NodeName=n1 Arch=x NodeAddr=127.0.0.1 NodeHostName=h" ;;
    *) echo "scontrol $*" ;;
esac
"""


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    """Source the script in a job of two nodes and launch words; what was printed, line by line."""
    programs = {
        "scontrol": SCONTROL,
        "srun": 'printf "%s\\n" "$@"; env | grep ^MASTER_ | sort; [ -z "$RUN" ] || "${@:4}"; [ -z "$NOTE" ] || touch $GANLAB_REQUEUE; exit ${CODE:-0}',
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / name).chmod(0o755)

    def call(*words: str, **variables: str) -> subprocess.CompletedProcess:
        job = {"SLURM_JOB_ID": "120042", "SLURM_JOB_NODELIST": "n[1-2]", "SLURM_NTASKS_PER_NODE": "4"}
        job |= {"SLURM_SUBMIT_DIR": str(tmp_path), "SLURM_CPUS_PER_TASK": "6", "SLURM_GPUS_ON_NODE": "4"}
        kept = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        return subprocess.run(
            ["bash", "-c", f'source {LAUNCH}; launch "$@"', "bash", *words],
            env=kept | job | variables, capture_output=True, text=True, timeout=30,
        )  # fmt: skip

    return call


def test_the_whole_allocation_meets_at_the_first_node(launch: Launch, tmp_path: Path) -> None:
    done = launch("train", "run.notes=two words")
    ganlab = f"{tmp_path}/.venv/bin/ganlab"
    assert done.stdout.splitlines() == [
        "--kill-on-bad-exit=1", "--ntasks-per-node=4", "--cpus-per-task=6", *TASK, ganlab, "train",
        "run.notes=two words", "MASTER_ADDR=127.0.0.1", "MASTER_PORT=15042",
    ]  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_a_port_that_is_taken_is_left_alone(launch: Launch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 15042))
        taken.listen()
        assert "MASTER_PORT=15043" in launch("train").stdout.splitlines()


def test_a_warning_does_not_end_a_task_that_has_just_begun(launch: Launch, tmp_path: Path) -> None:
    task = tmp_path / "task"
    task.write_text("#!/bin/bash\nkill -USR1 $$\necho still alive\n")
    task.chmod(0o755)
    assert launch("train", GANLAB=str(task), RUN="1").stdout.splitlines()[-1] == "still alive"


def test_containers(launch: Launch, tmp_path: Path) -> None:
    cache = tmp_path / ".ganlab" / "cache"
    lines = launch("train", GANLAB_CONTAINER="/images/ganlab.sif", GANLAB_MOUNTS="/data").stdout.splitlines()
    assert lines[3:-3] == [
        *TASK, "apptainer", "exec", "--nv", "--bind", f"{tmp_path},/data", "--pwd", str(tmp_path),
        "--env", f"GANLAB_CACHE={cache}", "/images/ganlab.sif", "ganlab",
    ]  # fmt: skip
    assert cache.is_dir()
    other = {"GANLAB_CONTAINER": "host#ganlab:1", "GANLAB_CACHE": f"{tmp_path}/own", "GANLAB": "/opt/ganlab"}
    assert launch("train", **other).stdout.splitlines()[3:-3] == [
        "--container-image=host#ganlab:1", f"--container-workdir={tmp_path}",
        f"--container-mounts={tmp_path}:{tmp_path},{tmp_path}/own:{tmp_path}/own", "--container-env=GANLAB_CACHE",
        *TASK, "/opt/ganlab",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("array", "job"), [({}, "120042"), ({"SLURM_ARRAY_JOB_ID": "9", "SLURM_ARRAY_TASK_ID": "3"}, "9_3")]
)
def test_it_requeues_where_a_run_has_left_a_note(array: dict[str, str], job: str, launch: Launch) -> None:
    done = launch("train", NOTE="1", CODE="143", **array)
    assert done.stdout.splitlines()[-1] == f"scontrol requeue {job}"
    assert done.returncode == 143
    failed = launch("train", CODE="1", **array)
    assert "scontrol requeue" not in failed.stdout
    assert failed.returncode == 1


def test_gpus_without_a_task_each_are_refused(launch: Launch) -> None:
    done = launch("train", SLURM_GPUS_ON_NODE="8")
    assert done.returncode == 1
    assert done.stderr == "ganlab: 8 GPUs but 4 tasks on a node; give sbatch --ntasks-per-node=8\n"
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("job", "code"), [({"SLURM_STEP_ID": "0", "SLURM_JOB_NAME": "ganlab"}, 0), ({}, -10)]
)
def test_a_warning_while_a_task_ends(job: dict[str, str], code: int) -> None:
    """Python's end makes the signal deadly again: a finished run would count as failed."""
    program = (
        "import os, sys; from ganlab.cli import main\n"
        "class Last:\n"
        "    def __del__(self, kill=os.kill, pid=os.getpid()): kill(pid, 10)\n"
        "last = Last(); sys.exit(main(['--version']))"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SLURM")} | job
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, timeout=60)
    assert done.returncode == code
