"""When things happen, on the clock of images."""

from typing import Any

import lightning as L


class OnClock(L.Callback):
    """Acts every so many images and when the budget is spent; never twice at one moment.

    Args:
        every: images between two acts.
        budget: images of the whole run.
    """

    def __init__(self, *, every: int, budget: int) -> None:
        self.every, self.budget = every, budget
        self._before = 0  # images at the start of the current iteration

    def act(self, trainer: L.Trainer, gan: Any) -> None:
        """What is to be done."""
        raise NotImplementedError(type(self).__name__)

    def due(self, images: int) -> bool:
        return images // self.every > self._before // self.every or images >= self.budget

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self._before = pl_module.clock.images

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.due(pl_module.clock.images):
            self.act(trainer, pl_module)
