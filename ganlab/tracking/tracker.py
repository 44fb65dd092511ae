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
from ganlab.protocol import FOREMOST, fingerprint
from ganlab.runs import RunFolder, environment, write_atomically
from ganlab.tracking.background import Background
from ganlab.tracking.records import parts
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
        self._protocol = ""
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

    def protocol(self, protocol: Mapping[str, Any]) -> None:
        """How the numbers are measured that follow, whenever that is new."""
        if (name := fingerprint(protocol)) != self._protocol:
            self._protocol = name
            known = {field: protocol[field] for field in FOREMOST if field in protocol}
            self._ask(
                "summary", {f"protocol/{field}": value for field, value in ({"id": name} | known).items()}
            )

    def finish(self) -> None:
        """Add what the run leaves, and wait for W&B, but not longer than ``wandb.finish_timeout`` says."""
        summary = self._folder.read_summary()
        state, animation = summary.get("state", "failed"), self._folder.path / "samples.gif"
        if state == "finished" and animation.is_file():
            self._at(summary["images"], "animation", animation)
        if state == "finished" and self._cfg.wandb.log_model:
            self._models(summary)
        self._ask("finish", state, summary.get("reason"))
        # The client's own limit comes first, but not where somebody waits for this process to end.
        self._work.close(_HURRY if state == "preempted" else self._cfg.wandb.finish_timeout + 10)

    def _models(self, summary: Mapping[str, Any]) -> None:
        """The newest checkpoint, and the best one where that is another."""
        told = {name: summary[name] for name in ("final", "best", "selection", "protocol") if name in summary}
        newest, best = self._folder.newest_checkpoint(), self._folder.best_checkpoint
        one = best.is_file() and best.samefile(newest)
        if best.is_file() and not one:
            self._ask("model", best, ["best"], told)
        images = int(newest.stem)
        aliases = ["latest", f"{images}-images", *(["best"] if one else [])]
        self._ask("model", newest, aliases, {"images": images, **told})

    def _start(self, directions: Mapping[str, str]) -> None:
        # before the client first looks at its environment; our own last words say where things are
        os.environ.setdefault("WANDB_SILENT", "true")
        self._run = WandbRun(
            mode=wandb_mode(self._cfg), options=_options(self._cfg, self._folder), directions=directions,
            finish_timeout=self._cfg.wandb.finish_timeout, earlier=parts(self._folder), warn=self._offline,
        )  # fmt: skip
        write_atomically(self._folder.path / "wandb_id", self._run.id)  # a sweep's agent has chosen another

    def _at(self, images: int, method: str, content: Any) -> None:
        self._work.ask(self._tell, method, content, images)

    def _tell(self, method: str, content: Any, images: int) -> None:
        """What comes again after a crash, since the last checkpoint, is told once."""
        if images > self._run.told:
            getattr(self._run, method)(content, images)

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
        "config": {**config.to_dict(cfg), "loss": config.loss_name(cfg), "environment": environment()},
    }  # fmt: skip
    if "WANDB_SWEEP_ID" not in os.environ:  # a sweep's agent chooses the id
        options |= {"id": _run_id(folder.path / "wandb_id"), "resume": "allow"}
    return options


def _run_id(path: Path) -> str:
    if not path.is_file():
        write_atomically(path, secrets.token_hex(4))
    return path.read_text()


def _has_key() -> bool:
    """Whether W&B's client will find a key, or a token in its place, for the server that it is to talk to."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    import wandb
    from wandb.sdk.lib.wbauth import read_netrc_auth

    try:
        return read_netrc_auth(host=wandb.setup().settings.base_url) is not None
    except wandb.errors.AuthenticationError:  # there is one, and it is no key
        return False
