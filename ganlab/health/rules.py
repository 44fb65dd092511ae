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
    few = lines.all_recent(
        "diversity/kinds", lambda share: share < limits.collapse_kinds
    ) and lines.all_recent(
        name,
        lambda share: share > limits.collapse_fall,  # as wide as the data, but for what lies between
    )
    twins = lines.all_recent("diversity/duplicates", lambda share: share >= limits.collapse_duplicates)
    if not lines.all_recent(name, lambda share: share < limits.collapse_diversity):
        return few or twins
    usual, before = lines.usual(name), lines.recent(name, ago=3)
    fallen = usual > limits.collapse_diversity and max(lines.recent(name)) < limits.collapse_fall * usual
    stuck = bool(before) and sum(lines.recent(name)) < (1 + limits.collapse_growth) * sum(before)
    return few or twins or fallen or stuck


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
    return lines.all_recent("game/forgotten", lambda share: share >= lines.limits.forgot_share)


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
