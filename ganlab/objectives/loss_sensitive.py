"""Loss-sensitive GAN and its generalisation (Qi 2017, arXiv:1701.06264)."""

from collections.abc import Callable
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from ganlab.objectives.base import Match, Objective, at_least_float32, fake_score_of, scores_of


class LossSensitive(Objective):
    """LS-GAN: d_loss = E L(x) + weight E max(0, Delta(x, G(z)) + L(x) - L(G(z))),  g_loss = E L(G(z)).

    L = -D is a loss function on samples, D's value an unbounded score.  L(x) should be lower than L(G(z)) by
    the margin Delta, which is the larger the further a fake is from its real sample; pairs are sample i with
    fake i.  Both losses are unbounded.  The theory wants D Lipschitz: add a gradient penalty.

    GLS-GAN, with a ``slope``: d_loss = weight E C(Delta + L(x) - L(G(z))), C(a) = max(a, slope a).  Slope 0
    is LS-GAN in the limit of an infinite weight; slope 1 has WGAN's gradients; slope -1, C(a) = |a|, wants
    score differences that equal the margins.

    Args:
        weight: the paper's lambda, > 0.
        slope: null for LS-GAN; a number, at most 1, for GLS-GAN.
        norm: Delta = scale * ||x - G(z)||_1 or ||x - G(z)||_2, over all non-batch dimensions.
        scale: > 0; the authors' code has 0.0002 with l1 on 64x64 colour images.
        features: where Delta is measured, samples (N, ...) -> (N, F); null for pixels.  A network is held
            fixed, in evaluation mode.
    """

    compares_samples: ClassVar[bool] = True
    bounded_slope: ClassVar[bool] = True

    def __init__(
        self, *, weight: float = 1.0, slope: float | None = None, norm: Literal["l1", "l2"] = "l1",
        scale: float = 1.0, features: Callable[[Tensor], Tensor] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if not weight > 0:
            raise ValueError(f"weight must be positive, got {weight}")
        if slope is not None and not slope <= 1:
            raise ValueError(f"slope must be at most 1, got {slope}")
        if norm not in ("l1", "l2"):
            raise ValueError(f"norm must be l1 or l2, got {norm}")
        if not scale > 0:
            raise ValueError(f"scale must be positive, got {scale}")
        self.weight, self.slope, self.norm, self.scale, self.features = weight, slope, norm, scale, features
        if isinstance(features, nn.Module):
            features.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> "LossSensitive":
        """As of any module, but the features stay in evaluation mode: they judge, and take no part in the game."""
        super().train(mode)
        if isinstance(self.features, nn.Module):
            self.features.eval()
        return self

    def d_loss(self, match: Match) -> Tensor:
        real, fake = scores_of(match)
        excess = self.margin(match) + fake - real  # L(x) - L(G(z)) = D(G(z)) - D(x)
        if self.slope is None:
            return -real.mean() + self.weight * excess.clamp(min=0).mean()
        return self.weight * torch.maximum(excess, self.slope * excess).mean()

    def g_loss(self, match: Match) -> Tensor:
        return -fake_score_of(match).mean()

    @torch.no_grad()
    def margin(self, match: Match) -> Tensor:
        """Delta of each pair, (N,): a constant to both players."""
        where = self.features or (lambda x: x)
        distance = at_least_float32(where(match.x_real)) - at_least_float32(where(match.x_fake))
        order = 1 if self.norm == "l1" else 2
        return self.scale * torch.linalg.vector_norm(distance.flatten(1), ord=order, dim=1)

    def diagnostics(self, match: Match) -> dict[str, Tensor]:
        """``margin_met``: the share of pairs whose scores differ by the margin or more."""
        real, fake = scores_of(match)
        return {"margin_met": (real - fake >= self.margin(match)).double().mean()}
