"""When a run is saved, and how it stops when it is asked to."""

from typing import Any

import lightning as L

from ganlab.callbacks.clock import OnClock
from ganlab.callbacks.evaluation import Evaluate
from ganlab.callbacks.finite import check_gan
from ganlab.interruption import Interruption, Request
from ganlab.runs import RunFolder


class Checkpoints(OnClock):
    """Saves everything that is needed to go on as if nothing had happened; keeps the newest few.

    An objective's first phase, with D alone, counts its own images; its checkpoints are all called 0.
    A request to stop is answered at the end of the iteration, or of the next one where the ranks have to agree:
    save, then stop.  Nothing is saved while a
    weight or a loss is not finite.

    Args:
        evaluate: says which checkpoint is the best so far; it acts before, and that one is kept as well.
        keep: checkpoints to keep.
    """

    def __init__(
        self,
        folder: RunFolder,
        interruption: Interruption,
        evaluate: Evaluate,
        *,
        every: int,
        keep: int,
        budget: int,
    ) -> None:
        super().__init__(every=every, budget=budget)
        self.folder, self.interruption, self.evaluate, self.keep = folder, interruption, evaluate, keep

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        self._pretrained = pl_module.clock.pretrained
        self._keep_best(trainer)  # a run that was killed between the checkpoint and its second name

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        clock = pl_module.clock
        due = clock.pretrained // self.every > self._pretrained // self.every
        self._pretrained = clock.pretrained
        request = Request(pl_module.ranks.highest(self.interruption.request))
        selected = self.evaluate.selected
        best = selected is not None and selected["images"] == clock.images > self._before
        if (due or request or best) and not self.due(clock.images):
            self.act(trainer, pl_module)
        if request:
            self.interruption.granted, trainer.should_stop = request, True

    def act(self, trainer: L.Trainer, gan: Any) -> None:
        check_gan(gan, self.folder)
        trainer.save_checkpoint(self.folder.checkpoint(gan.clock.images))
        self._keep_best(trainer)
        if trainer.is_global_zero:
            for old in self.folder.list_checkpoints()[: -self.keep]:
                old.unlink()

    def _keep_best(self, trainer: L.Trainer) -> None:
        if trainer.is_global_zero and self.evaluate.selected is not None:
            self.folder.keep_as_best(self.evaluate.selected["images"])
