"""Energy-based GAN (Zhao, Mathieu and LeCun 2017, arXiv:1609.03126)."""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import normalize, relu

from ganlab.objectives.base import (
    Critic,
    Match,
    Objective,
    Scores,
    at_least_float32,
    fake_score_of,
    scores_of,
)


class EBGAN(Objective):
    """d_loss = E D(x) + E max(0, margin - D(G(z))),  g_loss = E D(G(z)) + w PT (equations 1 and 2).

    Both losses are in [0, inf).  D's value is an energy, an autoencoder's reconstruction error of each
    sample: low for real samples.  The margin is on its scale, here a mean over pixels in [-1, 1].  PT, the
    pulling-away term (equation 4), is the mean squared cosine between the codes of different fakes of all
    ranks, in [0, 1]; with it the paper speaks of EBGAN-PT.

    Args:
        margin: energy that D pushes fakes up to, > 0.
        pulling_away: w, >= 0; the paper's 0.1, or 0 for none.
        pretrain_images: real images on which D, alone, first learns to reconstruct.
    """

    critic: ClassVar[Critic] = "autoencoder"

    def __init__(self, *, margin: float, pulling_away: float = 0.0, pretrain_images: int = 0) -> None:
        super().__init__()
        if not margin > 0:
            raise ValueError(f"margin must be positive, got {margin}")
        if not pulling_away >= 0:
            raise ValueError(f"pulling_away must be at least 0, got {pulling_away}")
        if pretrain_images < 0:
            raise ValueError(f"pretrain_images must be at least 0, got {pretrain_images}")
        self.margin, self.pulling_away, self.pretrain_images = margin, pulling_away, pretrain_images
        self.couples_batch = pulling_away > 0

    def d_loss(self, match: Match) -> Tensor:
        real, fake = scores_of(match)
        return real.mean() + relu(self.margin - fake).mean()

    def g_loss(self, match: Match) -> Tensor:
        loss = fake_score_of(match).mean()
        if self.pulling_away:
            assert match.fake.features is not None, "an autoencoder's scores carry its code"
            codes = match.ranks.gather(at_least_float32(match.fake.features))
            loss = loss + self.pulling_away * pulling_away_term(codes)
        return loss

    def pretrain_loss(self, real: Scores) -> Tensor:
        return at_least_float32(real.value).mean()

    def diagnostics(self, match: Match) -> dict[str, Tensor]:
        """``below_margin``: the share of fakes that D still pushes up."""
        return {"below_margin": (match.fake.value < self.margin).double().mean()}


def pulling_away_term(codes: Tensor) -> Tensor:
    """Mean over i != j of cos(s_i, s_j)^2, in [0, 1]; codes (N, F) -> scalar, 0 for a single one.

    With autocast off, which would multiply the codes in half precision: a sum over all pairs overflows float16.
    """
    n = len(codes)
    with torch.autocast(codes.device.type, enabled=False):
        codes = normalize(codes)
        others = (codes @ codes.T).fill_diagonal_(0)
        return others.square().sum() / max(1, n * (n - 1))
