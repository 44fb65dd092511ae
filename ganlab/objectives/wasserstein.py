"""Wasserstein GAN (Arjovsky et al. 2017, arXiv:1701.07875)."""

from typing import ClassVar

from torch import Tensor

from ganlab.objectives.base import Match, Objective, fake_score_of, scores_of


class Wasserstein(Objective):
    """d_loss = E D(G(z)) - E D(x),  g_loss = -E D(G(z)) (algorithm 1), both unbounded.

    D's value is a critic without a final sigmoid.  A meaningful loss needs a Lipschitz critic: weight
    clipping (WGAN), the interpolated gradient penalty (WGAN-GP) or spectral normalisation.
    """

    bounded_slope: ClassVar[bool] = True

    def d_loss(self, match: Match) -> Tensor:
        real, fake = scores_of(match)
        return fake.mean() - real.mean()

    def g_loss(self, match: Match) -> Tensor:
        return -fake_score_of(match).mean()

    def diagnostics(self, match: Match) -> dict[str, Tensor]:
        """``w1``: E D(x) - E D(G(z)), the earth mover's distance up to the critic's Lipschitz constant."""
        return {"w1": -self.d_loss(match)}
