"""The lines of a run's log as rules read them, and the thresholds they are held against."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Thresholds:
    """Where rules begin to hold; the fields of the section `health` of the configuration.

    Attributes:
        lines: of the log in a row that must agree.
        warmup: share of the budget in which only an overflow is judged.
        won_accuracy, won_gradient: D has won if it is right about this share of pairs while G's gradient is below
            this share of the largest it has had.
        collapse_diversity, collapse_fall, collapse_growth: samples have collapsed if their mean distance is below the
            first, as a share of the data's, and has fallen below the second share of its best, or has not grown by
            the third share within four times `lines` lines.
        collapse_duplicates: ... or if this share of them have a twin.
        oscillation_accuracy, oscillation_swings: D is right about less than the first share of pairs, then about
            more than one minus it, and so on; this many times within eight times `lines` lines.
        divergence_update, divergence_loss: a step changes on average this share of a player's weights, or a loss is
            this large.
        lipschitz_slope: D's steepest slope, where the objective wants it bounded.
        forgot_accuracy: D is right about less than this share of pairs with old fakes, and has been right about more
            than one minus it.
        blind_accuracy, blind_difference: D is right about less than the first share of pairs although the samples'
            mean is off by the second, or their diversity, as shares of the data's own mean distance.
        overflow: a loss or a gradient norm this large is about to become infinite.
    """

    lines: int = 5
    warmup: float = 0.1
    won_accuracy: float = 0.98
    won_gradient: float = 0.05
    collapse_diversity: float = 0.5
    collapse_fall: float = 0.7
    collapse_growth: float = 0.15
    collapse_duplicates: float = 0.5
    oscillation_accuracy: float = 0.15
    oscillation_swings: int = 4
    divergence_update: float = 0.07
    divergence_loss: float = 1e3
    lipschitz_slope: float = 3.0
    forgot_accuracy: float = 0.3
    blind_accuracy: float = 0.55
    blind_difference: float = 0.4
    overflow: float = 1e6


class History:
    """The lines seen so far, and what rules ask of them; those of the warm-up count for `best` alone."""

    def __init__(self, thresholds: Thresholds) -> None:
        self.limits = thresholds
        self.latest: Line = {}
        self._values: dict[str, list[float]] = {}
        self._best: dict[str, float] = {}

    def add(self, line: Line, *, settled: bool) -> None:
        self.latest = line
        for name, value in line.items():
            self._best[name] = max(value, self._best.get(name, value))
            if settled:
                self._values.setdefault(name, []).append(value)

    def recent(self, name: str, *, ago: int = 0) -> list[float]:
        """The last `lines` values of a name, or those so many times `lines` before; none where they are fewer."""
        n, values = self.limits.lines, self._values.get(name, [])
        end = len(values) - ago * n
        return values[end - n : end] if end >= n else []

    def stretch(self, name: str, spans: int) -> list[float]:
        """The last values of a name, at most `spans` times `lines`."""
        return self._values.get(name, [])[-spans * self.limits.lines :]

    def best(self, name: str) -> float:
        """The greatest value of a name so far, 0 if there is none."""
        return self._best.get(name, 0.0)

    def all_recent(self, name: str, condition: Callable[[float], bool]) -> bool:
        """Whether all recent values meet a condition, and there are some."""
        recent = self.recent(name)
        return bool(recent) and all(condition(value) for value in recent)
