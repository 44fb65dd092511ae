"""What W&B is told about a run, and how little it matters to the run whether W&B hears it."""

import logging
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from ganlab import config
from ganlab.runs import RunFolder, environment, write_atomically
from ganlab.tracking.background import Background
from ganlab.tracking.wandb_run import Histogram, WandbRun

_log = logging.getLogger(__name__)
_HURRY = 15  # seconds for the upload of a run that was asked to stop


class Tracker:
    """Passes on to W&B what happens in a run: at once, without waiting, and without ever raising.

    Anything that goes wrong is one warning; the run then goes on without W&B.  The run's id is kept in
    ``wandb_id`` in the run folder, so that a resumed run goes on in the same W&B run.

    Args:
        directions: of the evaluation's metrics, see `Evaluation`.
    """

    def __init__(self, cfg: DictConfig, folder: RunFolder, *, directions: Mapping[str, str]) -> None:
        self._cfg, self._folder = cfg.copy(), folder
        self._told = folder.path / "wandb" / "told"  # images up to which W&B has heard everything
        told = self._told.read_text() if self._told.is_file() else ""
        self._last = self._newest = int(told) if told.isdecimal() else -1
        self._work = Background(self._warn)
        self._work.ask(self._start, directions)

    def log(self, values: Mapping[str, float], images: int) -> None:
        """Numbers at this many images."""
        self._at(images, "log", values)

    def image(self, path: Path, images: int) -> None:
        """A picture that stays where it is."""
        self._at(images, "image", path)

    def histograms(self, histograms: Mapping[str, Histogram], images: int) -> None:
        """By name, counts and edges."""
        self._at(images, "histograms", histograms)

    def finish(self) -> None:
        """Add what the run leaves, and wait for W&B, but not longer than ``wandb.finish_timeout`` says."""
        summary = self._folder.read_summary()
        state, animation = summary.get("state", "failed"), self._folder.path / "samples.gif"
        if state == "finished" and animation.is_file():
            self._at(summary["images"], "animation", animation)
        if self._cfg.wandb.log_model and (checkpoints := self._folder.list_checkpoints()):
            told = {name: summary[name] for name in ("final", "best", "protocol") if name in summary}
            self._ask("model", checkpoints[-1], {"images": int(checkpoints[-1].stem), **told})
        self._ask("finish", state, summary.get("reason"))
        self._work.ask(lambda: write_atomically(self._told, str(self._newest)))
        # The client's own limit comes first, but not where somebody waits for this process to end.
        self._work.close(_HURRY if state == "preempted" else self._cfg.wandb.finish_timeout + 10)

    def _start(self, directions: Mapping[str, str]) -> None:
        self._run = WandbRun(
            mode=wandb_mode(self._cfg), options=_options(self._cfg, self._folder), directions=directions,
            finish_timeout=self._cfg.wandb.finish_timeout, warn=self._offline,
        )  # fmt: skip
        write_atomically(self._folder.path / "wandb_id", self._run.id)  # a sweep's agent has chosen another

    def _at(self, images: int, method: str, content: Any) -> None:
        """What comes again after a crash, since the last checkpoint, is told once."""
        if images > self._last:
            self._work.ask(lambda: getattr(self._run, method)(content, images))
            self._newest = images

    def _ask(self, method: str, *arguments: Any) -> None:
        self._work.ask(lambda: getattr(self._run, method)(*arguments))

    def _offline(self, reason: str) -> None:
        _log.warning("W&B %s; this run is kept offline, for ganlab sync %s", reason, self._folder.path)

    def _warn(self, reason: str) -> None:
        _log.warning("W&B is off from here on: %s (for later: ganlab sync %s)", reason, self._folder.path)


@contextmanager
def tracker(cfg: DictConfig, folder: RunFolder, directions: Mapping[str, str]) -> Iterator[Tracker | None]:
    """The tracker of a run while it trains; None if W&B is switched off.

    For one process of a run only, the first.
    """
    switched_off = "disabled" in (
        cfg.wandb.mode,
        os.environ.get("WANDB_MODE") if cfg.wandb.mode == "auto" else "",
    )
    if switched_off:
        yield None
        return
    tracking = Tracker(cfg, folder, directions=directions)
    try:
        yield tracking
    finally:
        tracking.finish()


def wandb_mode(cfg: DictConfig) -> str:
    """What ``wandb.mode`` comes to here: online, offline, disabled, or what $WANDB_MODE says."""
    mode: str = cfg.wandb.mode
    if mode == "auto":
        mode = os.environ.get("WANDB_MODE") or ("online" if _has_key() else "offline")
    return mode


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
