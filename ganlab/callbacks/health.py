"""Watching the health of the game, and saying so."""

from contextlib import suppress
from typing import Any

import lightning as L

from ganlab.callbacks.clock import OnClock
from ganlab.callbacks.metrics import MetricsLog
from ganlab.errors import GanlabError, TrainingError
from ganlab.health import RULES, Doctor, Thresholds, in_words


class Health(OnClock):
    """Judges every line of losses by `ganlab.health` and keeps ``health`` in the summary.

    It acts after `MetricsLog`, at the same moments, on every rank alike: what it judges are means over all ranks.

    Args:
        stop: end the run with a TrainingError at a collapse of the samples.
    """

    def __init__(
        self, metrics: MetricsLog, thresholds: Thresholds, *, stop: bool, every: int, budget: int
    ) -> None:
        super().__init__(every=every, budget=budget)
        self.metrics, self.thresholds, self.stop = metrics, thresholds, stop

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        bounded = pl_module.objective.bounded_slope
        self.doctor = Doctor(self.thresholds, self.budget, bounded).read(self.metrics.folder.read_metrics())
        self._note(trainer)

    def act(self, trainer: L.Trainer, gan: Any) -> None:
        if self.doctor.see({"images": gan.clock.images, **self.metrics.means}):
            self._note(trainer)
        if self.stop and "mode_collapse" in self.doctor.active:
            rule = RULES["mode_collapse"]
            raise TrainingError(
                f"{rule.sentence} at {gan.clock.images:,} images, and health.on_collapse=stop; try {rule.remedy}"
            )

    def on_train_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        self._note(trainer)

    def on_exception(self, trainer: L.Trainer, pl_module: Any, exception: BaseException) -> None:
        if hasattr(self, "doctor"):
            if isinstance(exception, TrainingError):
                said = str(exception)
                if untold := [found for found in self._findings() if found["sentence"] not in said]:
                    exception.add_note("\n".join(in_words(untold)))
            with suppress(GanlabError):  # a full disk is perhaps what went wrong
                self._note(trainer)

    def _note(self, trainer: L.Trainer) -> None:
        if trainer.is_global_zero:
            self.metrics.folder.write_summary(health=self._findings())

    def _findings(self) -> list[dict[str, Any]]:
        return [finding.to_dict() for finding in self.doctor.findings]
