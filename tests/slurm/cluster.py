"""A real SLURM cluster on this host: munge, one controller, a daemon for each node; needs no root once installed.

    python -m tests.slurm.cluster        # start one, print how to use it, stop it on Ctrl-C

Everything it writes is in one temporary folder; it ends only processes that it started or that carry its
SLURM_CONF in their environment.
"""

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "scancel")
CPUS = 16  # a node, as SLURM sees it: more than there are, so that no job waits for another
_PORTS = range(26_000, 32_000)  # above Lightning's 15000 to 24999, below what clients are given
_SYSTEM = "/usr/sbin:/usr/local/sbin"

_GPUS = 2  # a node, as SLURM sees it
_MARK = "GANLAB_TEST_NODE"  # in the environment of a node's daemon and of what it starts


class Cluster:
    """Nodes of one partition ``low``, which jobs of the partition ``high`` pre-empt.

    Attributes:
        nodes: their names.
        folder: configuration, state and logs.
        work: where jobs are submitted from.
        environment: what a process needs to use this cluster and no other.
    """

    def __init__(self, *, nodes: int = 2) -> None:
        self.nodes = [f"node{i}" for i in range(1, nodes + 1)]
        self.folder = Path(tempfile.mkdtemp(prefix="ganlab-slurm-"))
        self.work = self.folder / "work"
        self.conf = self.folder / "slurm.conf"
        self.environment = environment(self.conf)
        self._daemons: dict[str, subprocess.Popen] = {}

    def start(self) -> "Cluster":
        """Start all daemons and wait until all nodes take jobs; raises RuntimeError if they do not."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def _start(self) -> None:
        self._configure()
        key, munge = self.folder / "munge.key", self.folder / "munge"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o600)
        files = {"socket": f"{munge}.socket", "key-file": key, "pid-file": f"{munge}.pid"}
        files |= {"log-file": f"{munge}.log", "seed-file": f"{munge}.seed"}
        options = [f"--{name}={path}" for name, path in files.items()]
        self._spawn("munge", ["munged", "--foreground", "--force", *options])
        wait_for(lambda: Path(f"{munge}.socket").exists(), 10, "munge's socket")
        self._spawn("slurmctld", ["slurmctld", "-D"])
        for node in self.nodes:
            self._spawn(node, ["slurmd", "-D", "-N", node], **{_MARK: node})
        wait_for(lambda: all(map(self.node_is_ready, self.nodes)), 30, "the nodes")

    def stop(self) -> None:
        """End every job, then the daemons, then what they left."""
        if "slurmctld" in self._daemons:
            self.run("scancel", "--user", getpass.getuser(), check=False)
        for name in ("slurmctld", *self.nodes, "munge"):
            if name in self._daemons:
                end(self._daemons.pop(name))
        kill(self.processes())
        shutil.rmtree(self.folder, ignore_errors=True)

    def kill_node(self, node: str) -> None:
        """End a node as a power cut would: the daemon, every job step on it and the steps' processes."""
        daemon = self._daemons.pop(node)
        kill(self.processes(node))
        daemon.wait()

    def node_is_ready(self, node: str) -> bool:
        """Whether its daemon has registered, which is later than its state being idle."""
        shown = fields(self.run("scontrol", "--oneliner", "show", "node", node, check=False))
        started, state = shown.get("SlurmdStartTime", "None"), shown.get("State", "")
        return started != "None" and state in ("IDLE", "MIXED", "ALLOCATED")

    def processes(self, node: str | None = None) -> list[int]:
        """Processes of this cluster's jobs, by their environment: those of one node, or all."""
        ours, its = f"SLURM_CONF={self.conf}", {f"{_MARK}={node}", f"SLURMD_NODENAME={node}"}
        return [
            pid
            for pid, variables in _environments()
            if ours in variables and (node is None or its & variables)
        ]

    def run(self, *words: str, check: bool = True, **variables: str) -> str:
        """What a SLURM command prints; raises RuntimeError with its complaint if it fails."""
        done = subprocess.run(
            words,
            env={**self.environment, **variables},
            cwd=self.work,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def submit(self, *words: str, **variables: str) -> str:
        """``sbatch`` these words; the job's id."""
        return self.run("sbatch", "--parsable", *words, **variables).strip()

    def job(self, job: str) -> dict[str, str]:
        """``scontrol show job`` as a mapping; empty for a job that is forgotten."""
        return fields(self.run("scontrol", "--oneliner", "show", "job", job, check=False))

    def _configure(self) -> None:
        for folder in ("state", "work", *(f"spool.{node}" for node in self.nodes)):
            (self.folder / folder).mkdir()
        host, (controller, *ports) = socket.gethostname(), free_ports(1 + len(self.nodes))
        shape = (
            f"CPUs={CPUS} Boards=1 SocketsPerBoard=1 CoresPerSocket={CPUS} ThreadsPerCore=1 RealMemory=512000"
        )
        shape += f" Gres=gpu:{_GPUS}"
        nodes = [
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} {shape} State=UNKNOWN"
            for node, port in zip(self.nodes, ports, strict=True)
        ]
        values = {"host": host, "controller": controller, "user": getpass.getuser(), "folder": self.folder}
        # Two clusters on one host never give two jobs one number, from which slurm/launch.sh makes a port.
        values["first_job"] = 100 * (controller - _PORTS.start) + 1
        template = Path(__file__).with_name("slurm.conf").read_text()
        self.conf.write_text(template.format(**values, nodes="\n".join(nodes)))
        # gives up where no cgroup is mounted, unless told that it is v1
        old = "22." in self.run("slurmd", "-V")
        (self.folder / "cgroup.conf").write_text(f"CgroupPlugin={'cgroup/v1' if old else 'disabled'}\n")
        gpus = [self.folder / f"gpu{i}" for i in range(_GPUS)]
        for gpu in gpus:
            gpu.symlink_to("/dev/null")
        lines = [f"NodeName={node} Name=gpu File={gpu}\n" for node in self.nodes for gpu in gpus]
        (self.folder / "gres.conf").write_text("".join(lines))

    def _spawn(self, name: str, words: list[str], **variables: str) -> None:
        with (self.folder / f"{name}.out").open("ab") as output:
            self._daemons[name] = subprocess.Popen(
                words,
                env={**self.environment, **variables},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )


def missing_programs() -> list[str]:
    """Names of SLURM's programs that this machine does not have."""
    path = f"{os.environ['PATH']}:{_SYSTEM}"
    return [name for name in PROGRAMS if shutil.which(name, path=path) is None]


def environment(conf: Path) -> dict[str, str]:
    """This process's environment without an outer job's variables, for the cluster of a configuration."""
    outer = ("SLURM", "SBATCH_", "SRUN_", "SALLOC_", "WANDB_", "MASTER_", "RANK", "WORLD_SIZE", "LOCAL_RANK")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(outer)}
    return {**kept, "SLURM_CONF": str(conf), "PATH": f"{kept['PATH']}:{_SYSTEM}"}


def fields(line: str) -> dict[str, str]:
    """``Key=value`` words of a line that scontrol printed."""
    return dict(word.split("=", 1) for word in line.split() if "=" in word)


def free_ports(n: int) -> list[int]:
    """Ports nobody listens on now, from a random place on."""
    found: list[int] = []
    for offset in range(len(_PORTS)):
        port = _PORTS[(offset + os.getpid() * 7) % len(_PORTS)]
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                found.append(port)
        if len(found) == n:
            return found
    raise RuntimeError("no free ports")


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Poll until a condition holds; raises RuntimeError naming `what` if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {seconds} seconds for {what} in vain")
        time.sleep(0.1)


def end(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # it has ended meanwhile
            os.kill(pid, signal.SIGKILL)


def _environments() -> Iterator[tuple[int, set[str]]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = set((folder / "environ").read_text(errors="replace").split("\0"))
        except OSError:  # it has ended, or is somebody else's
            continue
        if int(folder.name) != os.getpid():
            yield int(folder.name), variables


def main() -> None:
    if missing := missing_programs():
        raise SystemExit(f"not installed: {', '.join(missing)} (Debian: apt-get install slurm-wlm munge)")
    cluster = Cluster()
    try:
        cluster.start()
        print(f"export SLURM_CONF={cluster.conf}\nThe cluster stops on Ctrl-C.", flush=True)
        signal.pause()
    except KeyboardInterrupt:
        pass
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
