"""What can be the matter with a game: a condition, a plain sentence and a remedy by name."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from ganlab.health.history import History


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
    limits = lines.limits
    if not lines.all_recent("game/accuracy", lambda share: share >= limits.won_accuracy):
        return False
    return lines.all_recent("gradient/signal", lambda size: size <= limits.won_signal) or lines.all_recent(
        "gradient/g", lambda size: size <= limits.won_gradient * lines.usual("gradient/g")
    )


def _collapsed(lines: History) -> bool:
    limits, name = lines.limits, "diversity/samples"
    few = (
        lines.all_recent("diversity/kinds", lambda share: share < limits.collapse_kinds)
        # as wide as the data, so the lost modes lie between others
        and lines.all_recent(name, lambda share: share > limits.collapse_fall)
        and not lines.grows("diversity/kinds", ago=1)
    )
    twins = lines.all_recent("diversity/duplicates", lambda share: share >= limits.collapse_duplicates)
    if not lines.all_recent(name, lambda share: share < limits.collapse_diversity):
        return few or twins
    usual = lines.usual(name)
    fallen = usual > limits.collapse_diversity and max(lines.recent(name)) < limits.collapse_fall * usual
    stuck = not lines.grows(name, ago=3)
    return few or twins or fallen or stuck


def _oscillates(lines: History) -> bool:
    limits, low = lines.limits, lines.limits.oscillation_accuracy
    decided = [share > 0.5 for share in lines.stretch("game/accuracy", 8) if not low <= share <= 1 - low]
    turns = sum(a != b for a, b in pairwise(decided))
    steps = [b - a for a, b in pairwise(lines.stretch("diversity/shift", 8))]
    jumps = sum(a * b < 0 and min(abs(a), abs(b)) > limits.oscillation_shift for a, b in pairwise(steps))
    return max(turns, jumps) >= limits.oscillation_swings


def _diverges(lines: History) -> bool:
    limits = lines.limits
    fast = any(
        sum(lines.recent(f"update/{player}")) > limits.lines * limits.divergence_update
        or sum(_steps(lines, player)) > limits.lines * limits.divergence_step
        for player in "gd"
    )
    losses = ("loss/g", "loss/d")
    return fast or any(lines.all_recent(name, lambda x: abs(x) > limits.divergence_loss) for name in losses)


def _steps(lines: History, player: str) -> list[float]:
    """About how far steps went, over the length of the weights at the start: weights that have grown hide large steps."""
    shares, lengths = lines.recent(f"update/{player}"), lines.recent(f"weights/{player}")
    return [share * length for share, length in zip(shares, lengths, strict=False)]


def _too_steep(lines: History) -> bool:
    return lines.all_recent("slope/steepest", lambda slope: slope > lines.limits.lipschitz_slope)


def _forgot(lines: History) -> bool:
    # rises and falls as D turns round, so it is their mean that counts
    shares = lines.recent("game/forgotten")
    return _differ(lines) and sum(shares) >= lines.limits.lines * lines.limits.forgot_share


def _blind(lines: History) -> bool:
    limits, before = lines.limits, _differences(lines, ago=1)
    approaching = sum(_differences(lines)) < (1 - limits.improvement) * sum(before)
    return (
        _differ(lines)
        and bool(before)
        and not approaching
        and lines.all_recent("game/accuracy", lambda share: share < limits.blind_accuracy)
    )


def _differ(lines: History) -> bool:
    """Whether samples have plainly differed from the data for a while."""
    return min(_differences(lines), default=0) > lines.limits.difference


def _differences(lines: History, *, ago: int = 0) -> list[float]:
    """How far the samples were from the data at every line, by their means or by their spread."""
    shifts, spreads = (lines.recent(f"diversity/{name}", ago=ago) for name in ("shift", "samples"))
    return [max(shift, abs(spread - 1)) for shift, spread in zip(shifts, spreads, strict=False)]


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
        "the players chase each other in circles: the samples move from place to place, or D is all right, then all wrong",
        "penalty=[r1], lower learning rates, betas of [0.0, 0.99], a longer ema.half_life",
        _oscillates,
    ),
    "divergence": Rule(
        "every step changes some per cent of a player's weights, or a large share of what they were at the start, or a loss grows without limit",
        "learning rates ten times lower, penalty=[drift] for an objective that only compares values",
        _diverges,
    ),
    "critic_not_lipschitz": Rule(
        "the critic is far too steep for its loss to estimate a distance",
        "penalty=[gradient_penalty], a smaller constraint.clip.bound, network.spectral_norm=true",
        _too_steep,
    ),
    "discriminator_forgot": Rule(
        "D takes fakes for real that it told from the data a while ago: it has forgotten what it learned",
        "penalty=[r1], a lower optimizer.discriminator.lr, betas of [0.0, 0.99]",
        _forgot,
    ),
    "discriminator_blind": Rule(
        "D does no better than guessing, or worse, although the samples' means or spreads differ plainly from the data's",
        "a larger network.discriminator, more D steps (game.n_critic), a lower optimizer.generator.lr, a weaker penalty",
        _blind,
    ),
    "overflow_near": Rule(
        "losses or gradients are so large that they will soon not be finite",
        "lower learning rates, trainer.precision=32-true, a penalty",
        _overflows,
    ),
}
