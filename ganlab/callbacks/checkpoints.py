"""When a run is saved, and how it stops when it is asked to."""

from typing import Any

import lightning as L
import torch

from ganlab.callbacks.clock import OnClock
from ganlab.callbacks.metrics import check_finite
from ganlab.errors import TrainingError
from ganlab.interruption import Interruption
from ganlab.runs import RunFolder


class Checkpoints(OnClock):
    """Saves everything that is needed to go on as if nothing had happened; keeps the newest few.

    An objective's first phase, with D alone, counts its own images; its checkpoints are all called 0.
    A request to stop is answered at the end of the iteration: save, then stop.  Nothing is saved while a
    weight or a loss is not finite.

    Args:
        keep: checkpoints to keep.
    """

    def __init__(
        self, folder: RunFolder, interruption: Interruption, *, every: int, keep: int, budget: int
    ) -> None:
        super().__init__(every=every, budget=budget)
        self.folder, self.interruption, self.keep = folder, interruption, keep

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        self._pretrained = pl_module.clock.pretrained

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        clock = pl_module.clock
        due = clock.pretrained // self.every > self._pretrained // self.every
        self._pretrained = clock.pretrained
        if (due or self.interruption.requested) and not self.due(clock.images):
            self.act(trainer, pl_module)
        if self.interruption.requested:
            trainer.should_stop = True

    def act(self, trainer: L.Trainer, gan: Any) -> None:
        self._check_weights(gan)
        trainer.save_checkpoint(self.folder.checkpoint(gan.clock.images))
        if trainer.is_global_zero:
            for old in self.folder.list_checkpoints()[: -self.keep]:
                old.unlink()

    def _check_weights(self, gan: Any) -> None:
        check_finite(gan.means.peek(), gan, self.folder)
        for player, network in (("generator", gan.generator), ("discriminator", gan.discriminator)):
            finite = torch.stack([p.isfinite().all() for p in network.parameters()]).all()
            if not finite:
                saved = self.folder.list_checkpoints()
                good = (
                    f"the last good checkpoint is {saved[-1]}" if saved else "no checkpoint was saved before"
                )
                raise TrainingError(
                    f"a weight of the {player} is not finite at iteration {gan.clock.iteration}; {good}"
                )
