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
        difference: samples differ plainly from the data if their mean is off by this, or their diversity, as shares of
            the data's own mean distance.
        improvement: kinds that were lost, spread that was never there and a blind D are no illness while the samples
            still get better: by this share from one `lines` lines to the next, for spread within three times as many.
        won_accuracy, won_signal, won_gradient: D has won if it is right about this share of pairs while the loss lets
            less than the second through to G, or G's gradient is below the third share of what it usually was.
        collapse_diversity, collapse_fall: samples have collapsed if their mean distance is below the first, as a share
            of the data's, and has fallen below the second share of what it was, or does not grow.
        collapse_kinds, collapse_duplicates: ... or if they are spread over `collapse_fall` of the data's distance or more
            but are fewer kinds than this share of the data's, or if this share of them have a twin.
        oscillation_accuracy, oscillation_shift, oscillation_swings: within eight times `lines` lines, D is right about
            less than the first share of pairs, then about more than one minus it, or the distance of the samples'
            mean from the data's rises and falls by the second share from line to line; this many times.
        divergence_update, divergence_step, divergence_loss: a step is on average the first share of the length of the
            player's weights, or the second of what that was at the start, or a loss is this large.
        lipschitz_slope: D's steepest slope, where the objective wants it bounded.
        forgot_share: of the batches of old fakes D was once right about and now takes for real, while the samples
            still differ from the data.
        blind_accuracy: D is right about less than this share of pairs although the samples differ and do not
            come nearer.
        overflow: a loss or a gradient norm this large is about to become infinite.
    """

    lines: int = 5
    warmup: float = 0.1
    difference: float = 0.5
    improvement: float = 0.15
    won_accuracy: float = 0.98
    won_signal: float = 0.05
    won_gradient: float = 0.05
    collapse_diversity: float = 0.5
    collapse_fall: float = 0.7
    collapse_kinds: float = 0.3
    collapse_duplicates: float = 0.5
    oscillation_accuracy: float = 0.15
    oscillation_shift: float = 0.3
    oscillation_swings: int = 4
    divergence_update: float = 0.07
    divergence_step: float = 0.25
    divergence_loss: float = 1e3
    lipschitz_slope: float = 3.0
    forgot_share: float = 0.15
    blind_accuracy: float = 0.55
    overflow: float = 1e6


class History:
    """The lines seen so far, and what rules ask of them; those of the warm-up count for `usual` alone."""

    def __init__(self, thresholds: Thresholds) -> None:
        self.limits = thresholds
        self.latest: Line = {}
        self._values: dict[str, list[float]] = {}
        self._settled: dict[str, int] = {}  # how many of the last values are to be judged

    def add(self, line: Line, *, settled: bool) -> None:
        self.latest = line
        for name, value in line.items():
            self._values.setdefault(name, []).append(value)
            self._settled[name] = self._settled.get(name, 0) + settled

    def recent(self, name: str, *, ago: int = 0) -> list[float]:
        """The last `lines` values of a name, or those so many times `lines` before; none where they are fewer."""
        n, values = self.limits.lines, self._judged(name)
        end = len(values) - ago * n
        return values[end - n : end] if end >= n else []

    def stretch(self, name: str, spans: int) -> list[float]:
        """The last values of a name, at most `spans` times `lines`."""
        return self._judged(name)[-spans * self.limits.lines :]

    def usual(self, name: str) -> float:
        """What a name's values usually rose to: a tenth of them are greater; 0 if there are none."""
        values = sorted(self._values.get(name, []))
        return values[int(0.9 * (len(values) - 1))] if values else 0.0

    def all_recent(self, name: str, condition: Callable[[float], bool]) -> bool:
        """Whether all recent values meet a condition, and there are some."""
        recent = self.recent(name)
        return bool(recent) and all(condition(value) for value in recent)

    def grows(self, name: str, *, ago: int) -> bool:
        """Whether a name's values have grown by `improvement` since so many times `lines` before, or nobody knows."""
        before = self.recent(name, ago=ago)
        return not before or sum(self.recent(name)) > (1 + self.limits.improvement) * sum(before)

    def _judged(self, name: str) -> list[float]:
        values = self._values.get(name, [])
        return values[len(values) - self._settled.get(name, 0) :]
