"""Least-squares GAN (Mao et al. 2017, arXiv:1611.04076)."""

import math

from torch import Tensor

from ganlab.objectives.base import Match, Objective, fake_score_of, scores_of, share_of_data


class LeastSquares(Objective):
    """d_loss = 1/2 E (D(x) - b)^2 + 1/2 E (D(G(z)) - a)^2,  g_loss = 1/2 E (D(G(z)) - c)^2 (equation 2).

    D's value is its linear output.  Both losses are in [0, inf).

    Args:
        a: D's target for fakes.
        b: D's target for real samples.
        c: the value that G wants D to give fakes, not a.  (a, b, c) = (-1, 1, 0) is the Pearson setting: at the
            optimal D, and with the paper's term E_x (D(x) - c)^2 / 2, which is constant for G, its loss is
            half the divergence chi^2(p + q || 2q).
    """

    def __init__(self, *, a: float = 0.0, b: float = 1.0, c: float = 1.0) -> None:
        super().__init__()
        for name, value in (("a", a), ("b", b), ("c", c)):
            if not math.isfinite(value):
                raise ValueError(f"{name} must be a finite number, got {value}")
        if a == b:
            raise ValueError(f"a and b must differ, got {a} for both")
        if a == c:
            raise ValueError(f"c must differ from a, D's target for fakes, got {c} for both")
        self.a, self.b, self.c = a, b, c

    def d_loss(self, match: Match) -> Tensor:
        real, fake = scores_of(match)
        return ((real - self.b).square().mean() + (fake - self.a).square().mean()) / 2

    def g_loss(self, match: Match) -> Tensor:
        return (fake_score_of(match) - self.c).square().mean() / 2

    def optimal_output(self, p: Tensor, q: Tensor) -> Tensor:
        """(b p + a q) / (p + q) (equation 5)."""
        return self.a + (self.b - self.a) * share_of_data(p, q)

    def diagnostics(self, match: Match) -> dict[str, Tensor]:
        """``delta``: 2 - 8 d_loss / (b - a)^2, a lower bound on int (p - q)^2 / (p + q), which is at most 2."""
        return {"delta": 2 - 8 * self.d_loss(match) / (self.b - self.a) ** 2}
