"""How the gradients of both players are distributed."""

from typing import Any

import lightning as L
import numpy as np
from torch.optim import Optimizer

from ganlab.callbacks.clock import OnClock
from ganlab.tracking import Tracker


class Gradients(OnClock):
    """Sends a histogram of every parameter's gradient in the first iteration, and in those after a line of the log.

    Only then does it wait for the device.  A gradient that is not finite (a loss scale that was too large) has no
    histogram.
    """

    def __init__(self, tracker: Tracker, *, every: int, budget: int) -> None:
        super().__init__(every=every, budget=budget)
        self.tracker = tracker
        self._armed = True
        self._histograms: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def on_before_optimizer_step(self, trainer: L.Trainer, pl_module: Any, optimizer: Optimizer) -> None:
        if not self._armed or not trainer.is_global_zero:
            return
        mine = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
        for name, parameter in pl_module.named_parameters():
            if id(parameter) in mine and parameter.grad is not None:
                values = parameter.grad.detach().float().cpu().numpy()
                if np.isfinite(values).all():
                    self._histograms[f"gradients/{name}"] = np.histogram(values, bins=64)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._histograms:
            self.tracker.histograms(self._histograms, pl_module.clock.images)
        self._histograms, self._armed = {}, self.due(pl_module.clock.images)
