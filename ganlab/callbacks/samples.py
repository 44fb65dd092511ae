"""Pictures of what the generator makes, from the same latents every time."""

from typing import Any

import lightning as L
from torch import Tensor

from ganlab.callbacks.clock import OnClock
from ganlab.data.source import DataSource
from ganlab.runs import RunFolder
from ganlab.tracking import Tracker


class SampleGrids(OnClock):
    """Draws ``samples/IMAGES.png`` with the averaged generator: a grid of images, or the distribution of points.

    Args:
        latents: (N, latent_dim), the same for every grid of a run.
        data: decides what a picture of samples is.
    """

    def __init__(
        self, latents: Tensor, data: DataSource, folder: RunFolder, tracker: Tracker | None, *, every: int,
        budget: int,
    ) -> None:  # fmt: skip
        super().__init__(every=every, budget=budget)
        self.latents, self.data, self.folder, self.tracker = latents, data, folder, tracker

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        if pl_module.clock.at_start:
            self.act(trainer, pl_module)

    def act(self, trainer: L.Trainer, gan: Any) -> None:
        if not trainer.is_global_zero:
            return
        from ganlab.figures import draw_samples
        from ganlab.sampling import generate

        samples = generate(gan.generator_ema, self.latents, device=gan.device)
        path = self.folder.sample_grid(gan.clock.images)
        draw_samples(samples, self.data, path)
        if self.tracker:
            self.tracker.image(path, gan.clock.images)
