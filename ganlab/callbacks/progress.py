"""What a person sees while a run trains."""

import sys
from typing import Any

import lightning as L
from tqdm import tqdm

from ganlab.callbacks.clock import OnClock
from ganlab.callbacks.health import Health
from ganlab.callbacks.metrics import MetricsLog
from ganlab.terminal import perhaps_unheard, say


class Progress(OnClock):
    """A bar in images with losses, scores, speed and the last FID; plain lines where there is no terminal.

    Args:
        lines_every: images between two lines where standard error is not a terminal.
    """

    def __init__(self, log: MetricsLog, health: Health, *, every: int, lines_every: int, budget: int) -> None:
        self.terminal = sys.stderr.isatty()
        super().__init__(every=every if self.terminal else lines_every, budget=budget)
        self.metrics, self.health = log, health
        self.bar: tqdm | None = None

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        alone = pl_module.objective.pretrain_images - pl_module.clock.pretrained
        if alone > 0 and trainer.is_global_zero:
            say(f"first, the discriminator alone on {alone:,} real images")
        if trainer.is_global_zero and self.terminal:
            format_ = (
                "{percentage:3.0f}% |{bar:16}| {n_fmt}/{total_fmt} images [{elapsed}<{remaining}] {postfix}"
            )
            done = pl_module.clock.images
            self.bar = tqdm(
                total=self.budget, initial=done, bar_format=format_, unit_scale=True, dynamic_ncols=True
            )

    def act(self, trainer: L.Trainer, gan: Any) -> None:
        if self.bar is not None:
            with perhaps_unheard():
                self.bar.set_postfix_str(self.text(), refresh=False)
                self.bar.update(min(gan.clock.images, self.budget) - self.bar.n)
        elif trainer.is_global_zero and not self.terminal:
            say(f"{gan.clock.images:>9,} images  {self.text()}")

    def text(self) -> str:
        """Losses, D's mean outputs, speed and the newest FID, as far as they are known; rules that hold now."""
        latest = self.metrics.latest
        parts = [
            f"{label} {latest[name]:{form}}"
            for label, name, form in (
                ("D", "loss/d", ".3f"),
                ("G", "loss/g", ".3f"),
                ("D(x)", "score/real", ".2f"),
                ("D(G(z))", "score/fake", ".2f"),
                ("img/s", "time/images_per_s", ".0f"),
            )
            if name in latest
        ]
        parts += [
            f"{name.removeprefix('eval/')} {value:.4g}"
            for name, value in latest.items()
            if name.startswith("eval/fid") or name == "eval/modes"
        ]
        parts += [f"! {rule}" for rule in self.health.doctor.active]
        return "  ".join(parts)

    def on_train_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        self._close()

    def on_exception(self, trainer: L.Trainer, pl_module: Any, exception: BaseException) -> None:
        self._close()

    def _close(self) -> None:
        if self.bar is not None:
            with perhaps_unheard():
                self.bar.close()
            self.bar = None
