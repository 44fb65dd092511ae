"""The original game and its non-saturating form (Goodfellow et al. 2014, arXiv:1406.2661)."""

import math

from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from ganlab.objectives.base import Match, Objective, fake_score_of, scores_of, share_of_data


class Minimax(Objective):
    """V(G, D) = E_x log D(x) + E_z log(1 - D(G(z))): D maximises it, G minimises it (equation 1).

    D's value is a logit, D = sigmoid(value).  ``d_loss`` = -V, the sum of the two expectations, each a mean
    over the batch, in [0, inf) nats; at the optimal D it equals 2 log 2 - 2 JSD.  ``g_loss`` is the second
    term of V, in (-inf, 0]; its gradient vanishes where D is sure of the fakes.
    """

    def d_loss(self, match: Match) -> Tensor:
        real, fake = scores_of(match)
        return softplus(-real).mean() + softplus(fake).mean()

    def g_loss(self, match: Match) -> Tensor:
        return -softplus(fake_score_of(match)).mean()  # log(1 - sigmoid(s)) = -softplus(s)

    def output(self, value: Tensor) -> Tensor:
        return value.sigmoid()

    def optimal_output(self, p: Tensor, q: Tensor) -> Tensor:
        return share_of_data(p, q)

    def diagnostics(self, match: Match) -> dict[str, Tensor]:
        """``jsd``: the lower bound (V + 2 log 2) / 2 on the Jensen-Shannon divergence, at most log 2 nats."""
        real, fake = scores_of(match)
        value = logsigmoid(real).mean() - softplus(fake).mean()
        return {"jsd": value / 2 + math.log(2)}


class NonSaturating(Minimax):
    """D plays the minimax game; G maximises E_z log D(G(z)) (section 3 of the paper).

    ``g_loss`` = -E_z log D(G(z)), in [0, inf): same fixed point, strong gradients where D is sure.

    Args:
        real_label: what D should answer for real samples, in (0.5, 1]; 0.9 is one-sided label smoothing
            (Salimans et al. 2016, arXiv:1606.03498, section 3.4), with optimum D = real_label p / (p + q).
    """

    def __init__(self, *, real_label: float = 1.0) -> None:
        super().__init__()
        if not 0.5 < real_label <= 1:
            raise ValueError(f"real_label must be in (0.5, 1], got {real_label}")
        self.real_label = real_label

    def d_loss(self, match: Match) -> Tensor:
        loss = super().d_loss(match)
        if self.real_label == 1:
            return loss
        # -a log D - (1 - a) log(1 - D) = -log D + (1 - a) logit
        return loss + (1 - self.real_label) * scores_of(match)[0].mean()

    def optimal_output(self, p: Tensor, q: Tensor) -> Tensor:
        return self.real_label * super().optimal_output(p, q)

    def g_loss(self, match: Match) -> Tensor:
        return softplus(-fake_score_of(match)).mean()
