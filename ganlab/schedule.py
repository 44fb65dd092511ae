"""Learning-rate schedules on the clock of images."""

import math
from dataclasses import dataclass
from typing import Literal


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
