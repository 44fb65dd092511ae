"""What W&B is told about a run, and how little it matters to the run whether W&B hears it."""

import logging
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig

from ganlab import config
from ganlab.runs import RunFolder, environment, write_atomically
from ganlab.tracking.background import Background
from ganlab.tracking.wandb_run import Histogram, WandbRun

_log = logging.getLogger(__name__)


class Tracker:
    """Passes on to W&B what happens in a run: at once, without waiting, and without ever raising.

    Anything that goes wrong is one warning; the run then goes on without W&B.
    """

    def __init__(self, cfg: DictConfig, folder: RunFolder, *, mode: str, directions: Mapping[str, str]) -> None:
        self._folder, self._log_model = folder, cfg.wandb.log_model
        self._patience = cfg.wandb.finish_timeout
        self._work = Background(self._warn)
        self._work.ask(self._start, mode, _options(cfg, folder), directions)

    def log(self, values: Mapping[str, float], images: int) -> None:
        """Numbers at this many images."""
        self._ask("log", values, images)

    def image(self, path: Path, images: int) -> None:
        """A picture that stays where it is."""
        self._ask("image", path, images)

    def histograms(self, histograms: Mapping[str, Histogram], images: int) -> None:
        """By name, counts and edges."""
        self._ask("histograms", histograms, images)

    def finish(self) -> None:
        """Add what the finished run leaves, and wait for W&B, but not longer than the configuration says."""
        summary = self._folder.read_summary()
        images, animation = summary.get("images", 0), self._folder.path / "samples.gif"
        if summary.get("state") == "finished" and animation.is_file():
            self._ask("video", animation, images)
        if self._log_model and (checkpoints := self._folder.list_checkpoints()):
            told = {name: summary[name] for name in ("final", "best", "protocol") if name in summary}
            self._ask("model", checkpoints[-1], {"images": int(checkpoints[-1].stem), **told})
        self._ask("finish", summary.get("state", "failed"), summary.get("reason"))
        self._work.close(self._patience + 10)  # the client's own limit comes first

    def _start(self, mode: str, options: dict[str, Any], directions: Mapping[str, str]) -> None:
        self._run = WandbRun(
            mode=mode, options=options, directions=directions, finish_timeout=self._patience, warn=self._offline
        )
        write_atomically(self._folder.path / "wandb_id", self._run.id)  # a sweep's agent has chosen another

    def _ask(self, method: str, *arguments: Any) -> None:
        self._work.ask(lambda: getattr(self._run, method)(*arguments))

    def _offline(self, reason: str) -> None:
        _log.warning("W&B: %s; this part of the run is kept offline, for ganlab sync %s", reason, self._folder.path)

    def _warn(self, reason: str) -> None:
        _log.warning("W&B is off from here on: %s (later, perhaps: ganlab sync %s)", reason, self._folder.path)


@contextmanager
def tracker(cfg: DictConfig, folder: RunFolder, directions: Mapping[str, str]) -> Iterator[Tracker | None]:
    """The tracker of a run while it trains; None if W&B is switched off, and in all processes but the first.

    It never asks for anything.  The run's id is kept in ``wandb_id`` in the run folder, so that a resumed run
    goes on in the same W&B run.

    Args:
        directions: of the evaluation's metrics, see `Evaluation`.
    """
    mode = cfg.wandb.mode
    if mode == "auto":
        mode = os.environ.get("WANDB_MODE") or ("online" if _has_key() else "offline")
    if mode == "disabled" or rank_zero_only.rank != 0:
        yield None
        return
    tracking = Tracker(cfg, folder, mode=mode, directions=directions)
    try:
        yield tracking
    finally:
        tracking.finish()


def _options(cfg: DictConfig, folder: RunFolder) -> dict[str, Any]:
    options: dict[str, Any] = {
        "name": cfg.run.name, "project": cfg.wandb.project, "entity": cfg.wandb.entity, "group": cfg.wandb.group,
        "job_type": cfg.wandb.job_type, "tags": list(cfg.run.tags), "notes": cfg.run.notes, "dir": str(folder.path),
        "config": {**config.to_dict(cfg), "environment": environment()},
    }  # fmt: skip
    if "WANDB_SWEEP_ID" not in os.environ:  # a sweep's agent chooses the id
        options |= {"id": _run_id(folder.path / "wandb_id"), "resume": "allow"}
    return options


def _run_id(path: Path) -> str:
    if not path.is_file():
        write_atomically(path, secrets.token_hex(4))
    return path.read_text()


def _has_key() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    import netrc

    import wandb

    host = wandb.Settings().base_url.partition("://")[2]
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
