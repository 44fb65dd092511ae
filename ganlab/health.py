"""A doctor for training: rules with names, read from the lines of metrics.jsonl alone, without torch.

So a resumed run is judged as one that was never stopped, every rank of a run judges alike, and a report can judge
a run that has ended.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
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


@dataclass(frozen=True)
class Rule:
    """One illness.

    Attributes:
        sentence: what is the matter, in plain words.
        remedy: what to try.
        holds: whether the lines so far show it.
    """

    sentence: str
    remedy: str
    holds: Callable[[History], bool]


def _won(lines: History) -> bool:
    limits, largest = lines.limits, lines.best("gradient/g")
    return lines.all_recent("game/accuracy", lambda share: share >= limits.won_accuracy) and lines.all_recent(
        "gradient/g", lambda size: size <= limits.won_gradient * largest
    )


def _collapsed(lines: History) -> bool:
    limits, name = lines.limits, "diversity/samples"
    twins = lines.all_recent("diversity/duplicates", lambda share: share >= limits.collapse_duplicates)
    if not lines.all_recent(name, lambda share: share < limits.collapse_diversity):
        return twins
    fallen = lines.all_recent(name, lambda share: share < limits.collapse_fall * lines.best(name))
    before = lines.recent(name, ago=3)
    stuck = bool(before) and sum(lines.recent(name)) < (1 + limits.collapse_growth) * sum(before)
    return twins or (fallen and lines.best(name) > limits.collapse_diversity) or stuck


def _oscillates(lines: History) -> bool:
    low = lines.limits.oscillation_accuracy
    decided = [share > 0.5 for share in lines.stretch("game/accuracy", 8) if not low <= share <= 1 - low]
    return sum(a != b for a, b in pairwise(decided)) >= lines.limits.oscillation_swings


def _diverges(lines: History) -> bool:
    limits = lines.limits
    steps = [lines.recent(f"update/{player}") for player in "gd"]
    fast = any(sum(shares) > limits.lines * limits.divergence_update for shares in steps)
    losses = ("loss/g", "loss/d")
    return fast or any(lines.all_recent(name, lambda x: abs(x) > limits.divergence_loss) for name in losses)


def _too_steep(lines: History) -> bool:
    return lines.all_recent("slope/steepest", lambda slope: slope > lines.limits.lipschitz_slope)


def _forgot(lines: History) -> bool:
    old, limits = "game/accuracy_past", lines.limits
    knew = lines.best(old) > 1 - limits.forgot_accuracy
    return knew and lines.all_recent(old, lambda share: share < limits.forgot_accuracy)


def _blind(lines: History) -> bool:
    limits = lines.limits
    off = lines.all_recent(
        "diversity/shift", lambda share: share > limits.blind_difference
    ) or lines.all_recent("diversity/samples", lambda share: abs(share - 1) > limits.blind_difference)
    return off and lines.all_recent("game/accuracy", lambda share: share < limits.blind_accuracy)


def _overflows(lines: History) -> bool:
    names = ("loss/g", "loss/d", "gradient/g", "gradient/d")
    return any(abs(lines.latest.get(name, 0.0)) > lines.limits.overflow for name in names)


RULES: dict[str, Rule] = {
    "discriminator_won": Rule(
        "D tells every fake from the data and the gradient that reaches G has all but vanished",
        "objective=non_saturating in place of minimax, fewer D steps (game.n_critic), penalty=[r1]",
        _won,
    ),
    "mode_collapse": Rule(
        "the samples have become far more alike than the data are",
        "penalty=[r1], game.packing=2, objective=wgan_gp, a lower optimizer.generator.lr",
        _collapsed,
    ),
    "oscillation": Rule(
        "the players chase each other in circles: D is all right, then all wrong, again and again",
        "penalty=[r1], lower learning rates, betas of [0.0, 0.99], a longer ema.half_life",
        _oscillates,
    ),
    "divergence": Rule(
        "every step changes some per cent of a player's weights, or a loss grows without limit",
        "learning rates ten times lower, penalty=[drift] for an objective that only compares values",
        _diverges,
    ),
    "critic_not_lipschitz": Rule(
        "the critic is far too steep for its loss to estimate a distance",
        "penalty=[gradient_penalty], a smaller constraint.clip.bound, network.spectral_norm=true",
        _too_steep,
    ),
    "discriminator_forgot": Rule(
        "D takes the fakes of a while ago for real: it has forgotten what it learned",
        "penalty=[r1], a lower optimizer.discriminator.lr, betas of [0.0, 0.99]",
        _forgot,
    ),
    "discriminator_blind": Rule(
        "D cannot tell the samples from the data although their means or spreads differ plainly",
        "a larger network.discriminator, more D steps (game.n_critic), a weaker penalty",
        _blind,
    ),
    "overflow_near": Rule(
        "losses or gradients are so large that they will soon not be finite",
        "lower learning rates, trainer.precision=32-true, a penalty",
        _overflows,
    ),
}


@dataclass
class Finding:
    """One stretch of the run in which a rule held.

    Attributes:
        rule: its name in `RULES`.
        sentence, remedy: what is the matter and what to try.
        first_images, last_images: the first and the last line at which it held.
    """

    rule: str
    sentence: str
    remedy: str
    first_images: int
    last_images: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Doctor:
    """Reads the lines of a run one after the other and keeps its findings.

    Attributes:
        budget: images of the whole run.
        bounded_slope: whether the objective's theory wants D's slope bounded.
        findings: oldest first.
        active: rules that held at the last line.
    """

    thresholds: Thresholds
    budget: int
    bounded_slope: bool
    findings: list[Finding] = field(default_factory=list)
    active: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._history = History(self.thresholds)

    def see(self, line: Line) -> bool:
        """Judge the run after one more line of losses; whether the active rules have changed."""
        images = line["images"]
        numbers = {name: value for name, value in line.items() if isinstance(value, int | float)}
        self._history.add(numbers, settled=images > self.thresholds.warmup * self.budget)
        holding = tuple(
            name for name, rule in RULES.items() if self._applies(name) and rule.holds(self._history)
        )
        for name in holding:
            if name in self.active:
                next(f for f in reversed(self.findings) if f.rule == name).last_images = images
            else:
                rule = RULES[name]
                self.findings.append(Finding(name, rule.sentence, rule.remedy, images, images))
        changed, self.active = holding != self.active, holding
        return changed

    def _applies(self, name: str) -> bool:
        return name != "critic_not_lipschitz" or self.bounded_slope


def in_words(findings: list[dict[str, Any]]) -> list[str]:
    """Lines for people about the findings of a summary: that the game was healthy, or what was not."""
    if not findings:
        return ["the game was healthy"]
    lines = []
    for rule in dict.fromkeys(found["rule"] for found in findings):
        same = [found for found in findings if found["rule"] == rule]
        spans = [f"{found['first_images']:,} to {found['last_images']:,}" for found in same]
        more = f" and {len(spans) - 1} times more" if len(spans) > 1 else ""
        lines.append(f"{rule}, {spans[0]} images{more}: {same[0]['sentence']}; try {same[0]['remedy']}")
    return lines
