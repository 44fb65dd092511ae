"""Relativistic GANs: D judges real samples against fakes (Jolicoeur-Martineau 2018, arXiv:1807.00734).

Both take one of three costs c(m) of a margin m that the loser wants to be large, all with c >= 0:
``logistic`` log(1 + exp(-m)) (SGAN), ``least_squares`` (m - 1)^2 (LSGAN), ``hinge`` max(0, 1 - m).
D's value C is an unbounded score; only differences of scores matter.
"""

from typing import ClassVar, Literal, get_args

from torch import Tensor
from torch.nn.functional import relu, softplus

from ganlab.objectives.base import Match, Objective, scores_of

Cost = Literal["logistic", "least_squares", "hinge"]


def _checked(cost: str) -> str:
    if cost not in get_args(Cost):
        raise ValueError(f"cost must be one of {', '.join(get_args(Cost))}, got {cost}")
    return cost


def _of(margin: Tensor, cost: str) -> Tensor:
    match cost:
        case "logistic":
            return softplus(-margin)
        case "least_squares":
            return (margin - 1).square()
        case _:
            return relu(1 - margin)


class RelativisticPaired(Objective):
    """RpGAN: d_loss = E c(C(x) - C(G(z))),  g_loss = E c(C(G(z)) - C(x)), over pairs (x, z); in [0, inf).

    Each is a mean over the batch, real sample i against fake i.  With ``cost=logistic``, R1 and R2 it is
    R3GAN's objective (Huang et al. 2024, arXiv:2501.05441).

    Args:
        cost: see the module.
    """

    paired: ClassVar[bool] = True
    one_to_one: ClassVar[bool] = True

    def __init__(self, *, cost: Cost = "logistic") -> None:
        super().__init__()
        self.cost = _checked(cost)

    def d_loss(self, match: Match) -> Tensor:
        real, fake = scores_of(match)
        return _of(real - fake, self.cost).mean()

    def g_loss(self, match: Match) -> Tensor:
        real, fake = scores_of(match)
        return _of(fake - real, self.cost).mean()


class RelativisticAverage(Objective):
    """RaGAN: D wants real samples above the average fake and fakes below the average real sample.

    d_loss = E_x c(C(x) - E_z C(G(z))) + E_z c(E_x C(x) - C(G(z))),
    g_loss = E_z c(C(G(z)) - E_x C(x)) + E_x c(E_z C(G(z)) - C(x));  both in [0, inf).
    The averages inside are over the batch of all ranks; the two sides may have unequal numbers of samples.

    Args:
        cost: see the module.
    """

    paired: ClassVar[bool] = True
    couples_batch = True

    def __init__(self, *, cost: Cost = "logistic") -> None:
        super().__init__()
        self.cost = _checked(cost)

    def d_loss(self, match: Match) -> Tensor:
        real, fake = scores_of(match)
        return self._winning(match, real, fake)

    def g_loss(self, match: Match) -> Tensor:
        real, fake = scores_of(match)
        return self._winning(match, fake, real)

    def _winning(self, match: Match, high: Tensor, low: Tensor) -> Tensor:
        """The cost of not having the first scores above the second ones."""
        above = _of(high - match.ranks.mean(low), self.cost).mean()
        return above + _of(match.ranks.mean(high) - low, self.cost).mean()
