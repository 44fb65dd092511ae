"""Constraints on D's parameters, imposed after every D step."""

import torch
from torch import nn


class WeightClipping:
    """Clip every parameter of D to [-bound, bound] (WGAN, Arjovsky et al. 2017, algorithm 1).

    Args:
        bound: the paper's c, > 0.
    """

    def __init__(self, *, bound: float = 0.01) -> None:
        if not bound > 0:
            raise ValueError(f"bound must be positive, got {bound}")
        self.bound = bound

    @torch.no_grad()
    def __call__(self, discriminator: nn.Module) -> None:
        parameters: list[torch.Tensor] = list(discriminator.parameters())
        torch._foreach_clamp_min_(parameters, -self.bound)
        torch._foreach_clamp_max_(parameters, self.bound)
