"""The run folder: a run that explains itself to a reader who has only the folder.

Reading and writing it needs neither torch nor lightning.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ganlab.atomic import atomic_file
from ganlab.errors import CheckpointError, GanlabError
from ganlab.versions import versions

_REPORTED = (
    "ganlab",
    "torch",
    "lightning",
    "torchmetrics",
    "torch-fidelity",
    "wandb",
    "hydra-core",
    "omegaconf",
)


def write_atomically(path: Path, text: str) -> None:
    """Write a file that is either whole or as it was before, whatever happens meanwhile.

    Raises GanlabError if it cannot be written.
    """
    try:
        with atomic_file(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise GanlabError(f"cannot write {path}: {error.strerror or error}") from error


class RunFolder:
    """Names and formats of everything in ``runs/NAME/``.

    Attributes:
        path: the folder.
        config: config.yaml, the resolved configuration.
        environment: environment.json, how the run was started every time.
        metrics: metrics.jsonl, one JSON object a line with ``images`` and ``iteration``.
        samples: folder of sample grids, one PNG an evaluation.
        checkpoints: folder of ``IMAGES.ckpt``.
        best_checkpoint: the one with the best value of the metric that selects, once there is one.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.config = self.path / "config.yaml"
        self.environment = self.path / "environment.json"
        self.metrics = self.path / "metrics.jsonl"
        self.samples = self.path / "samples"
        self.checkpoints = self.path / "checkpoints"
        self.best_checkpoint = self.path / "best.ckpt"

    @classmethod
    def open(cls, path: Path | str) -> "RunFolder":
        """An existing run; a path to something inside it, such as a checkpoint, will do."""
        for candidate in (Path(path), *Path(path).absolute().parents[:2]):
            if (candidate / "config.yaml").is_file() and (candidate / "environment.json").is_file():
                return cls(candidate)
        raise GanlabError(f"{path} is not a run: there is no config.yaml beside an environment.json in it")

    def create(self, config: str, *, ranks: int = 1) -> str:
        """Make the folder, or note that its run goes on: what runs, from which commit, where, on how many ranks.

        Returns:
            The text of environment.json, a list with one entry for every time the run was started.
        """
        try:
            for folder in (self.path, self.samples, self.checkpoints):
                folder.mkdir(parents=True, exist_ok=True)
                for left_by_a_kill in folder.glob(".*.part"):
                    left_by_a_kill.unlink()
        except OSError as error:
            raise GanlabError(
                f"cannot write the run folder {self.path}: {error.strerror or error}"
            ) from error
        starts = [*self.starts, {**environment(), "ranks": ranks}]
        text = json.dumps(starts, indent=2) + "\n"
        write_atomically(self.environment, text)
        write_atomically(self.config, config)
        return text

    @property
    def starts(self) -> list[dict[str, Any]]:
        """What environment.json says of every start: time, command, commit, host, versions, ranks."""
        return _read_json(self.environment, [])

    @property
    def exists(self) -> bool:
        return self.config.is_file()

    # ---- metrics --------------------------------------------------------------------------------------------

    def append_metrics(self, line: Mapping[str, Any]) -> None:
        """Add one line; raises GanlabError if it cannot be written."""
        try:
            with self.metrics.open("a") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise GanlabError(f"cannot write {self.metrics}: {error.strerror or error}") from error

    def read_metrics(self) -> Iterator[dict[str, Any]]:
        """The lines of metrics.jsonl in order; those that a crash or a full disk tore are passed over."""
        if not self.metrics.is_file():
            return
        with self.metrics.open(encoding="utf-8", errors="replace") as file:
            for text in file:
                try:
                    line = json.loads(text)
                except (ValueError, RecursionError):  # torn, or brackets without end
                    continue
                if isinstance(line, dict) and isinstance(line.get("images"), int):
                    yield line

    def rewind(self, images: int) -> None:
        """Forget the metrics and sample grids made after `images` images, which will be made again."""
        if self.metrics.is_file():
            kept = [line for line in self.read_metrics() if line["images"] <= images]
            write_atomically(self.metrics, "".join(json.dumps(line) + "\n" for line in kept))
        for grid in self.sample_grids():
            if int(grid.stem) > images:
                grid.unlink()

    # ---- pictures, summary ----------------------------------------------------------------------------------

    def sample_grid(self, images: int) -> Path:
        return self.samples / f"{images:010d}.png"

    def sample_grids(self) -> list[Path]:
        return sorted(self.samples.glob("[0-9]*.png"))

    def read_summary(self) -> dict[str, Any]:
        return _read_json(self.path / "summary.json", {})

    def write_summary(self, **changes: Any) -> None:
        """Update summary.json: ``state`` is running, finished, preempted or failed."""
        summary = {**self.read_summary(), **changes}
        write_atomically(self.path / "summary.json", json.dumps(summary, indent=2) + "\n")

    # ---- checkpoints ----------------------------------------------------------------------------------------

    def checkpoint(self, images: int) -> Path:
        return self.checkpoints / f"{images:010d}.ckpt"

    def list_checkpoints(self) -> list[Path]:
        """Oldest first."""
        return sorted(self.checkpoints.glob("[0-9]*.ckpt"))

    def keep_as_best(self, images: int) -> None:
        """Give the checkpoint at so many images, if it is there, the name of the best one as well.

        Raises CheckpointError if it cannot be written.
        """
        source = self.checkpoint(images)
        if not source.is_file():
            return
        link = self.best_checkpoint.with_name(f".best.{os.getpid()}.part")
        try:
            link.unlink(missing_ok=True)
            try:
                os.link(source, link)  # no second copy on the disk while the first is kept
            except OSError:  # a file system without hard links
                shutil.copyfile(source, link)
            link.replace(self.best_checkpoint)
        except OSError as error:
            link.unlink(missing_ok=True)
            raise CheckpointError(
                f"cannot write {self.best_checkpoint}: {error.strerror or error}"
            ) from error

    def newest_checkpoint(self) -> Path:
        """Raises CheckpointError where there is none."""
        checkpoints = self.list_checkpoints()
        if not checkpoints:
            raise CheckpointError(f"the run {self.path} has no checkpoint yet")
        return checkpoints[-1]


def _read_json(path: Path, default: Any) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return default


def environment() -> dict[str, Any]:
    """What a run depended on besides its configuration."""
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "git_commit": git_commit(),
        "host": platform.node(),
        "process": process(os.getpid()),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "versions": versions(_REPORTED),
    }


def process(pid: int) -> dict[str, Any] | None:
    """Names one process among all that ever were: its number, start, boot and namespace; None if it is not there."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
        namespace = os.readlink("/proc/self/ns/pid")
    except (OSError, IndexError):
        return None
    return {"pid": pid, "started": started, "boot": boot, "namespace": namespace}


def has_died(known: Mapping[str, Any]) -> bool:
    """Whether a process that `process` named is surely gone; False where this cannot be told from here."""
    here = process(os.getpid())
    same_machine = here is not None and all(here[key] == known.get(key) for key in ("boot", "namespace"))
    return same_machine and process(known["pid"]) != known


def git_commit() -> str | None:
    """Commit of the checkout that ganlab runs from, "-dirty" appended if it was changed; None for a wheel."""
    root = Path(__file__).parent.parent
    if not (root / ".git").exists():
        return None
    try:
        run = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        return subprocess.run(run, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
