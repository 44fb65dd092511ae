"""One run at Weights & Biases, in the words of its client."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ganlab.tracking.records import last_step, synced_marker

Histogram = tuple[np.ndarray, np.ndarray]
"""Counts and the edges of their bins, as from `numpy.histogram`."""


def _say_nothing(record: logging.LogRecord) -> None:
    """In the place of a traceback on the terminal for each line that the client cannot write to its own log."""


class WandbRun:
    """Starts the run, online or else offline; every step of W&B's own is a number of images.

    Args:
        options: of `wandb.init`.
        directions: which way is better, "min" or "max", by metric.
        finish_timeout: seconds to wait for the upload at the end.
        earlier: the parts of the run that are there already, see `records`.
        warn: told why the run is offline although it was to be online.

    Attributes:
        id: of the run.
        told: the last step that W&B, or a part of the run kept offline, has a row of; -1 if there is none.

    Raises:
        Exception: whatever W&B raises, here and in every method.
    """

    def __init__(
        self, *, mode: Any, options: Mapping[str, Any], directions: Mapping[str, str], finish_timeout: int,
        earlier: Sequence[Path], warn: Callable[[str], None],
    ) -> None:  # fmt: skip
        import wandb

        settings = wandb.Settings(
            init_timeout=min(30, finish_timeout), finish_timeout=finish_timeout, finish_timeout_raises=True,
            console="off",  # it would sit between the training and the terminal
        )  # fmt: skip
        common = {**options, "settings": settings, "reinit": "create_new"}
        try:
            self._run = wandb.init(mode=mode, **common)
        except Exception as error:
            if mode != "online" or wandb.run is not None:
                raise
            reason = " ".join(str(error).partition("{")[0].split()).rstrip(": ")  # without the server's JSON
            warn(f"cannot be reached ({reason[:200] or type(error).__name__})")
            wandb.teardown()  # its service takes no second run of the id that failed
            self._run = wandb.init(mode="offline", **common)
        for handler in logging.getLogger("wandb").handlers:
            handler.handleError = _say_nothing  # type: ignore[method-assign]  # of a debug.log on a full disk
        self.id: str = self._run.id
        self.told = last_step(earlier) if self._run.offline else self._run.starting_step - 1
        self._run.define_metric("*", step_metric="images")
        for name, direction in directions.items():
            self._run.define_metric(f"eval/{name}", step_metric="images", summary=direction)

    def log(self, values: Mapping[str, Any], images: int) -> None:
        self._run.log({**values, "images": images}, step=images)

    def image(self, path: Path, images: int) -> None:
        import wandb

        self.log({"samples": wandb.Image(str(path))}, images)

    def animation(self, path: Path, images: int) -> None:
        """A GIF."""
        import wandb

        self.log({"animation": wandb.Video(str(path), format="gif")}, images)

    def histograms(self, histograms: Mapping[str, Histogram], images: int) -> None:
        import wandb

        self.log({name: wandb.Histogram(np_histogram=h) for name, h in histograms.items()}, images)

    def summary(self, values: Mapping[str, Any]) -> None:
        """What holds of the run as a whole."""
        self._run.summary.update(dict(values))

    def model(self, checkpoint: Path, aliases: Sequence[str], metadata: Mapping[str, Any]) -> None:
        import wandb

        artifact = wandb.Artifact(f"model-{self.id}", type="model", metadata=dict(metadata))
        artifact.add_file(str(checkpoint), name="model.ckpt")
        self._run.log_artifact(artifact, aliases=list(aliases))

    def finish(self, state: str, reason: str | None) -> None:
        """End the run; raises if W&B did not take all of it."""
        self.summary({"state": state, "reason": reason})
        if state == "preempted" and not self._run.sweep_id:  # a sweep would give the trial to another agent
            self._run.mark_preempting()
        self._run.finish(exit_code=0 if state == "finished" else 1)
        log, records = Path(self._run.settings.log_internal), Path(self._run.settings.sync_file)
        if log.is_file() and '"level":"ERROR+4"' in log.read_text(
            errors="replace"
        ):  # its level for fatal errors
            raise ConnectionError("what was recorded could not be written or uploaded")
        if not self._run.offline:
            synced_marker(records).touch()
