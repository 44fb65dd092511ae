"""Learning rates on the clock of images."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from torch.optim import Optimizer

from ganlab.game import Clock
from ganlab.objectives import Objective


@dataclass(frozen=True)
class Schedule:
    """The factor on both players' learning rates after some images.

    Attributes:
        kind: ``constant``, ``linear`` or ``cosine`` from 1 down to `final` at the end of the budget.
        images: the budget.
        final: last factor, in [0, 1].
    """

    kind: Literal["constant", "linear", "cosine"]
    images: int
    final: float = 0.0

    def __call__(self, images: int) -> float:
        progress = min(1.0, images / self.images)
        match self.kind:
            case "constant":
                return 1.0
            case "linear":
                remaining = 1 - progress
            case "cosine":
                remaining = (1 + math.cos(math.pi * progress)) / 2
        return self.final + (1 - self.final) * remaining


class LearningRates:
    """Each optimizer's own learning rate times the schedule's factor times the objective's.

    The objective's factor is a control state on the device.  It is fetched when it may have changed, every
    `Objective.lr_interval` iterations, and not at every step.
    """

    def __init__(self, schedule: Schedule, objective: Objective) -> None:
        self.schedule, self.objective = schedule, objective
        self._fetched: float | None = None

    def set(self, optimizers: Iterable[Optimizer], clock: Clock) -> None:
        """Set the learning rates of the iteration that the clock stands at."""
        factor = self.schedule(clock.images) * self._objective_factor(clock.iteration)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor

    def _objective_factor(self, iteration: int) -> float:
        interval = self.objective.lr_interval
        if not interval:
            return 1.0
        if self._fetched is None or iteration % interval == 0:
            self._fetched = self.objective.lr_factor().item()
        return self._fetched
