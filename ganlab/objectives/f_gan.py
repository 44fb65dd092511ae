"""f-GAN: any f-divergence, estimated from below by D (Nowozin et al. 2016, arXiv:1606.00709).

D_f(p || q) = int q f(p / q) = sup_T E_p T - E_q f*(T), with p the data, q the generator's distribution and
f* the convex conjugate of f.  D's value v is unbounded; T = g_f(v) with the paper's output activation g_f,
which increases and maps the real line into the domain of f*.  The optimum is T = f'(p / q).
"""

import math
from abc import abstractmethod
from typing import ClassVar, Literal

from torch import Tensor
from torch.nn.functional import softplus

from ganlab.objectives.base import Match, Objective, fake_score_of, scores_of


class FGAN(Objective):
    """d_loss = -F, F = E_x g_f(v(x)) - E_z f*(g_f(v(G(z)))) <= D_f (equation 4);  g_loss is a part of F.

    Each E is a mean over the batch.  With expectations in their place d_loss is at least -D_f; it has no upper
    bound.  The exact g_loss takes the values of -f*, the alternative one those of -T, in the ranges that each
    divergence states.

    Args:
        generator_loss: ``exact``: G minimises F, g_loss = -E_z f*(g_f(v)); ``alternative``: G maximises
            E_z g_f(v) instead (section 3.2), which is to it what the non-saturating loss is to minimax.
    """

    name: ClassVar[str]

    def __init__(self, *, generator_loss: Literal["exact", "alternative"] = "exact") -> None:
        super().__init__()
        if generator_loss not in ("exact", "alternative"):
            raise ValueError(f"generator_loss must be exact or alternative, got {generator_loss}")
        self.generator_loss = generator_loss

    @abstractmethod
    def output(self, value: Tensor) -> Tensor:
        """T = g_f(v), the paper's output activation."""

    @abstractmethod
    def conjugate(self, value: Tensor) -> Tensor:
        """f*(g_f(v)), as one function of v that does not lose digits."""

    def d_loss(self, match: Match) -> Tensor:
        real, fake = scores_of(match)
        return self.conjugate(fake).mean() - self.output(real).mean()

    def g_loss(self, match: Match) -> Tensor:
        fake = fake_score_of(match)
        return -(self.conjugate(fake) if self.generator_loss == "exact" else self.output(fake)).mean()

    def diagnostics(self, match: Match) -> dict[str, Tensor]:
        """The lower bound F on the divergence, under the divergence's name."""
        return {self.name: -self.d_loss(match)}


class KullbackLeibler(FGAN):
    """KL(p || q) = E_p log(p / q) in [0, inf): f = u log u, T = v, f* = exp(T - 1) > 0."""

    name = "kl"

    def output(self, value: Tensor) -> Tensor:
        return value

    def conjugate(self, value: Tensor) -> Tensor:
        return (value - 1).exp()


class ReverseKullbackLeibler(FGAN):
    """KL(q || p) = E_q log(q / p) in [0, inf): f = -log u, T = -exp(-v) < 0, f* = -1 - log(-T) = v - 1."""

    name = "reverse_kl"

    def output(self, value: Tensor) -> Tensor:
        return -(-value).exp()

    def conjugate(self, value: Tensor) -> Tensor:
        return value - 1


class PearsonChiSquared(FGAN):
    """chi^2(p || q) = int (p - q)^2 / q in [0, inf): f = (u - 1)^2, T = v, f* = T^2 / 4 + T >= -1."""

    name = "chi2"

    def output(self, value: Tensor) -> Tensor:
        return value

    def conjugate(self, value: Tensor) -> Tensor:
        return value.square() / 4 + value


class SquaredHellinger(FGAN):
    """H^2 = int (sqrt p - sqrt q)^2 in [0, 2]: f = (sqrt u - 1)^2, T = 1 - exp(-v) < 1, f* = T / (1 - T) > -1."""

    name = "hellinger2"

    def output(self, value: Tensor) -> Tensor:
        return -(-value).expm1()

    def conjugate(self, value: Tensor) -> Tensor:
        return value.expm1()


class JensenShannon(FGAN):
    """KL(p || m) + KL(q || m), m = (p + q) / 2: the divergence is twice JSD, in [0, 2 log 2] nats.

    f = u log u - (u + 1) log((u + 1) / 2), T = log 2 - log(1 + exp(-v)) < log 2,
    f* = -log(2 - exp(T)) > -log 2.
    d_loss is the minimax loss less 2 log 2, with v the logit.
    """

    name = "twice_jsd"

    def output(self, value: Tensor) -> Tensor:
        return math.log(2) - softplus(-value)

    def conjugate(self, value: Tensor) -> Tensor:
        return softplus(value) - math.log(2)
