"""Measuring the averaged generator while it trains."""

import math
import time
from typing import Any

import lightning as L

from ganlab.callbacks.clock import OnClock
from ganlab.callbacks.finite import check_gan
from ganlab.callbacks.metrics import MetricsLog
from ganlab.evaluation import Evaluation
from ganlab.sampling import measure_generator


class Evaluate(OnClock):
    """Evaluates G's moving average before the first step, every so many images, and at the end.

    Writes ``eval/*`` and ``best/*`` to the metrics, and the last and best values with their protocol to the summary.

    Attributes:
        final, best: the newest and the best value of each metric.
        best_images: of the evaluation that gave the best value.
        selected: ``images`` and ``value`` of the evaluation whose checkpoint is kept as the best, since the first step.
    """

    def __init__(self, evaluation: Evaluation, metrics: MetricsLog, *, every: int, budget: int) -> None:
        super().__init__(every=every, budget=budget)
        self.evaluation, self.metrics = evaluation, metrics
        self.best: dict[str, float] = {}
        self.best_images: dict[str, int] = {}
        self.final: dict[str, float] = {}
        self.selected: dict[str, Any] | None = None

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        if pl_module.clock.at_start:
            self.act(trainer, pl_module)

    def act(self, trainer: L.Trainer, gan: Any) -> None:
        check_gan(gan, self.metrics.folder)
        started = time.perf_counter()
        evaluation = self.evaluation
        if not evaluation.standard:
            return
        result = measure_generator(evaluation, gan.generator_ema, gan.latent, device=gan.device)
        self.final = dict(result.metrics)
        for name, way in evaluation.directions.items():
            value = self.final.get(name, math.nan)
            if math.isfinite(value) and (name not in self.best or _better(way, value, self.best[name])):
                self.best[name], self.best_images[name] = value, gan.clock.images
        self._select(gan.clock.images)
        values = {f"eval/{name}": value for name, value in result.metrics.items()}
        values |= {f"best/{name}": value for name, value in self.best.items()}
        values["time/evaluation_s"] = time.perf_counter() - started
        self.metrics.write(trainer, gan, values)
        if trainer.is_global_zero:
            protocol = {**result.protocol, "weights_averaged": True, "images": gan.clock.images}
            self.metrics.folder.write_summary(
                final=self.final, best=self.best, best_images=self.best_images, protocol=protocol
            )
            if self.metrics.tracker:
                self.metrics.tracker.protocol(protocol)

    def _select(self, images: int) -> None:
        name = self.evaluation.selects
        if name is None or images == 0 or not math.isfinite(self.final.get(name, math.nan)):
            return
        way = self.evaluation.directions[name]
        if self.selected is None or _better(way, self.final[name], self.selected["value"]):
            self.selected = {"images": images, "value": self.final[name]}

    def state_dict(self) -> dict[str, Any]:
        names = ("best", "best_images", "final", "selected")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best, self.final = dict(state_dict["best"]), dict(state_dict["final"])
        self.best_images, self.selected = dict(state_dict["best_images"]), state_dict["selected"]


def _better(way: str, value: float, other: float) -> bool:
    return value < other if way == "min" else value > other
