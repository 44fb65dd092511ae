"""The hinge loss (Lim and Ye 2017, arXiv:1705.02894; SNGAN, Miyato et al. 2018, equations 16 and 17)."""

from torch import Tensor
from torch.nn.functional import relu

from ganlab.objectives.base import Match, Objective, fake_score_of, scores_of


class Hinge(Objective):
    """d_loss = E max(0, 1 - D(x)) + E max(0, 1 + D(G(z))) in [0, inf),  g_loss = -E D(G(z)), unbounded.

    D's value is an unbounded score with decision boundary 0.
    """

    def d_loss(self, match: Match) -> Tensor:
        real, fake = scores_of(match)
        return relu(1 - real).mean() + relu(1 + fake).mean()

    def g_loss(self, match: Match) -> Tensor:
        return -fake_score_of(match).mean()

    def diagnostics(self, match: Match) -> dict[str, Tensor]:
        """``tv``: 1 - d_loss / 2, a lower bound on the total variation distance, at most 1."""
        return {"tv": 1 - self.d_loss(match) / 2}
