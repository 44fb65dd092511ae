"""metrics.jsonl and the W&B run: one line for every so many images, means over the steps in between."""

import time
from collections.abc import Mapping
from typing import Any

import lightning as L

from ganlab.callbacks.clock import OnClock
from ganlab.callbacks.finite import check_means
from ganlab.runs import RunFolder
from ganlab.tracking import Tracker


class MetricsLog(OnClock):
    """Writes the means of losses, scores and penalties, and the speed; stops a run whose loss is not finite.

    Attributes:
        latest: the newest value of everything written, for the progress bar.
        means: those of the newest line of losses.
    """

    def __init__(self, folder: RunFolder, tracker: Tracker | None = None, *, every: int, budget: int) -> None:
        super().__init__(every=every, budget=budget)
        self.folder, self.tracker = folder, tracker
        self.latest: dict[str, float] = {}
        self.means: dict[str, float] = {}
        self._seconds = 0.0  # spent in training steps since the last line
        self._images = 0
        self._entered = 0.0

    def write(self, trainer: L.Trainer, gan: Any, values: Mapping[str, float]) -> None:
        """One line in metrics.jsonl and for the tracker, stamped with the clock; on rank 0 alone."""
        self.latest.update(values)
        if not trainer.is_global_zero:
            return
        stamp = {"images": gan.clock.images, "iteration": gan.clock.iteration}
        self.folder.append_metrics({**stamp, **values})
        if self.tracker:
            self.tracker.log({**stamp, **values}, gan.clock.images)

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        super().on_train_batch_start(trainer, pl_module, batch, batch_idx)
        self._entered = time.perf_counter()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if pl_module.clock.images == self._before:
            return  # D's first phase: neither a line nor a part of the steps' time
        due = self.due(pl_module.clock.images)
        means = pl_module.pop_metrics() if due else {}  # waits for the device: part of the steps' time
        self._seconds += time.perf_counter() - self._entered
        self._images += pl_module.clock.images - self._before
        if due:
            check_means(means, pl_module, self.folder)
            self.means = means
            speed = {"time/images_per_s": self._images / self._seconds, "time/devices": trainer.world_size}
            self.write(trainer, pl_module, {**means, **speed})
            self._seconds, self._images = 0.0, 0
