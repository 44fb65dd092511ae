"""Boundary equilibrium GAN (Berthelot, Schumm and Metz 2017, arXiv:1703.10717)."""

import math
from typing import ClassVar

import torch
from torch import Tensor

from ganlab.objectives.base import Critic, Match, Objective, at_least_float32, fake_score_of, scores_of


class BEGAN(Objective):
    """d_loss = L(x) - k_t L(G(z_D)),  g_loss = L(G(z_G)) (section 3.4), L the mean energy of a batch.

    D's value is an energy, an autoencoder's reconstruction error (the paper's is L1): low for real samples.
    d_loss is unbounded, and at least -E L(G(z)); g_loss is in [0, inf).
    After every iteration, with the fakes of the G step and averages over all ranks,
    k_{t+1} = k_t + lambda_k (gamma L(x) - L(G(z_G))), kept in [0, 1], k_0 = 0.  The convergence measure is
    M = L(x) + |gamma L(x) - L(G(z_G))| >= 0.  The paper halves the learning rate when M stalls, without
    saying what that is: here, when the mean of M over `patience` iterations is not below all before it.

    Args:
        gamma: diversity ratio E L(G(z)) / E L(x) to hold, in (0, 1]; low gives sharp and few kinds of images.
        lambda_k: step of k, > 0.
        patience: iterations that M is averaged over; 0 never changes the learning rate.
        decay: what a stall multiplies the learning rate by, in (0, 1].
    """

    critic: ClassVar[Critic] = "autoencoder"
    k: Tensor
    convergence: Tensor
    factor: Tensor
    best: Tensor
    recent: Tensor
    steps: Tensor

    def __init__(
        self, *, gamma: float = 0.5, lambda_k: float = 0.001, patience: int = 0, decay: float = 0.5
    ) -> None:
        super().__init__()
        if not 0 < gamma <= 1:
            raise ValueError(f"gamma must be in (0, 1], got {gamma}")
        if not lambda_k > 0:
            raise ValueError(f"lambda_k must be positive, got {lambda_k}")
        if patience < 0:
            raise ValueError(f"patience must be at least 0, got {patience}")
        if not 0 < decay <= 1:
            raise ValueError(f"decay must be in (0, 1], got {decay}")
        self.gamma, self.lambda_k, self.patience, self.decay = gamma, lambda_k, patience, decay
        self.lr_interval = patience
        for name in ("k", "convergence", "recent"):
            self.register_buffer(name, torch.tensor(0.0))
        self.register_buffer("factor", torch.tensor(1.0))
        self.register_buffer("best", torch.tensor(math.inf))
        self.register_buffer("steps", torch.tensor(0))

    def d_loss(self, match: Match) -> Tensor:
        real, fake = scores_of(match)
        return real.mean() - self.k * fake.mean()

    def g_loss(self, match: Match) -> Tensor:
        return fake_score_of(match).mean()

    def update(self, d: Match, g: Match) -> None:
        assert d.real is not None
        real = d.ranks.mean(at_least_float32(d.real.value))
        balance = self.gamma * real - g.ranks.mean(at_least_float32(g.fake.value))
        self.k.add_(self.lambda_k * balance).clamp_(0, 1)
        self.convergence.copy_(real + balance.abs())
        if self.patience:
            self._watch_for_stall()

    def _watch_for_stall(self) -> None:
        """Everything stays on the device: no branch looks at a value."""
        self.recent.add_(self.convergence / self.patience)
        self.steps.add_(1)
        complete = self.steps >= self.patience
        stalled = complete & (self.recent >= self.best)
        self.factor.mul_(torch.where(stalled, self.decay, 1.0))
        self.best.copy_(torch.where(complete, torch.minimum(self.best, self.recent), self.best))
        self.recent.mul_(~complete)
        self.steps.mul_(~complete)

    def lr_factor(self) -> Tensor:
        return self.factor

    def diagnostics(self, match: Match) -> dict[str, Tensor]:
        """``k`` and the ``convergence`` measure M, as the last iteration left them."""
        return {"k": self.k.clone(), "convergence": self.convergence.clone()}
