"""The run folder: a run that explains itself to a reader who has only the folder.

Reading and writing it needs neither torch nor lightning.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from ganlab.atomic import atomic_file
from ganlab.errors import CheckpointError, GanlabError

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
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.config = self.path / "config.yaml"
        self.environment = self.path / "environment.json"
        self.metrics = self.path / "metrics.jsonl"
        self.samples = self.path / "samples"
        self.checkpoints = self.path / "checkpoints"

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
        """The lines of metrics.jsonl in order; a torn last line is passed over."""
        if not self.metrics.is_file():
            return
        with self.metrics.open() as file:
            for line in file:
                try:
                    yield json.loads(line)
                except ValueError:
                    return

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
    versions: dict[str, str | None] = {}
    for package in _REPORTED:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "git_commit": git_commit(),
        "host": platform.node(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "versions": versions,
    }


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
