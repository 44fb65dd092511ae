"""Gradient penalties: terms that join a player's loss before its one backward pass.

Each is computed with autocast off and in at least float32: squared gradient norms underflow in float16.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Literal

import torch
from torch import Tensor

from ganlab.objectives import Match, Scores
from ganlab.objectives.base import at_least_float32
from ganlab.randomness import Draws

CriticFunction = Callable[[Tensor], Scores]


class Penalty(ABC):
    """A term of one player's loss.

    Args:
        interval: apply it at every interval-th step of its player, multiplied by the interval
            ("lazy regularisation", StyleGAN2, Karras et al. 2020, section 3.1).  StyleGAN2 gives a lazy
            penalty an optimizer step of its own and corrects Adam's learning rate and betas for it, by
            c = interval / (interval + 1).  Here it joins the one backward pass of a step that is made
            anyway, so Adam makes no further steps and nothing is corrected.

    Attributes:
        player: whose loss it joins.
        per_sample: whether it differentiates D sample by sample, which a D whose samples see each other
            (BatchNorm) makes meaningless.
    """

    player: ClassVar[Literal["D", "G"]] = "D"
    per_sample: ClassVar[bool] = True

    def __init__(self, *, interval: int = 1) -> None:
        if interval < 1:
            raise ValueError(f"interval must be at least 1, got {interval}")
        self.interval = interval

    @abstractmethod
    def __call__(self, critic: CriticFunction, match: Match, draws: Draws) -> Tensor:
        """The weighted scalar to add to the loss, without the factor of the interval."""


def full_precision(x: Tensor) -> Tensor:
    """x detached, in float32 or better."""
    x = x.detach()
    return x if x.dtype.itemsize >= 4 else x.float()


def input_gradients(critic: CriticFunction, x: Tensor, *, differentiable: bool = True) -> Tensor:
    """Gradient of every sample's value with respect to that sample, (N, D) with D all non-batch dimensions.

    Args:
        differentiable: again, so that a loss may be made of it.
    """
    x = full_precision(x).requires_grad_()
    with torch.autocast(x.device.type, enabled=False), torch.enable_grad():
        value = critic(x).value
        (gradients,) = torch.autograd.grad(value.sum(), x, create_graph=differentiable)
    return gradients.flatten(1)


class R1(Penalty):
    """gamma/2 E_x ||grad D(x)||^2, zero-centred, at real samples (Mescheder et al. 2018, equation 9).

    Args:
        gamma: strength, > 0.
    """

    def __init__(self, *, gamma: float, interval: int = 1) -> None:
        super().__init__(interval=interval)
        if not gamma > 0:
            raise ValueError(f"gamma must be positive, got {gamma}")
        self.gamma = gamma

    def __call__(self, critic: CriticFunction, match: Match, draws: Draws) -> Tensor:
        return self._zero_centred(critic, match.x_real)

    def _zero_centred(self, critic: CriticFunction, x: Tensor) -> Tensor:
        return self.gamma / 2 * input_gradients(critic, x).square().sum(1).mean()


class R2(R1):
    """gamma/2 E_z ||grad D(G(z))||^2, zero-centred, at fakes (Mescheder et al. 2018, equation 10)."""

    def __call__(self, critic: CriticFunction, match: Match, draws: Draws) -> Tensor:
        return self._zero_centred(critic, match.x_fake)


class NormPenalty(Penalty):
    """weight E (||grad D(x_hat)|| - target)^2 at points that a subclass chooses.

    The norm runs over all non-batch dimensions and has a gradient of 0, not NaN, where it is 0.

    Args:
        weight: lambda, > 0.
        target: the norm that D should have, >= 0.
        one_sided: punish only norms above the target.
    """

    def __init__(
        self, *, weight: float = 10.0, target: float = 1.0, one_sided: bool = False, interval: int = 1
    ) -> None:
        super().__init__(interval=interval)
        if not weight > 0:
            raise ValueError(f"weight must be positive, got {weight}")
        if not target >= 0:
            raise ValueError(f"target must be at least 0, got {target}")
        self.weight, self.target, self.one_sided = weight, target, one_sided

    @abstractmethod
    def points(self, match: Match, draws: Draws) -> Tensor:
        """Where D's gradient is taken, one point for each sample: (N, ...)."""

    def __call__(self, critic: CriticFunction, match: Match, draws: Draws) -> Tensor:
        gradients = input_gradients(critic, self.points(match, draws))
        excess = torch.linalg.vector_norm(gradients, dim=1) - self.target
        if self.one_sided:
            excess = excess.clamp(min=0)
        return self.weight * excess.square().mean()


class GradientPenalty(NormPenalty):
    """WGAN-GP, at x_hat = eps x + (1 - eps) G(z) (Gulrajani et al. 2017, arXiv:1704.00028, equation 3).

    One eps ~ U[0, 1] for every sample.  The paper's weight is 10, its target 1, two-sided.
    """

    def points(self, match: Match, draws: Draws) -> Tensor:
        real, fake = full_precision(match.x_real), full_precision(match.x_fake)
        return fake + _one_per_sample(real, draws) * (real - fake)


class OneCentred(NormPenalty):
    """One-centred at the data, x_hat = x.

    Unlike `R1` it does not make a GAN converge locally: D keeps its slope at the equilibrium.
    """

    def points(self, match: Match, draws: Draws) -> Tensor:
        return match.x_real


class Dragan(NormPenalty):
    """DRAGAN as its paper states it, x_hat = x + delta, delta ~ N(0, c I) (Kodali et al. 2017, equation 1).

    The paper, arXiv:1705.07215, has weight 10, target 1 and c about 10.

    Args:
        c: variance of the noise, > 0; in [-1, 1] the paper's 10 drowns an image.
    """

    def __init__(
        self, *, c: float = 10.0, weight: float = 10.0, target: float = 1.0, one_sided: bool = False,
        interval: int = 1,
    ) -> None:  # fmt: skip
        super().__init__(weight=weight, target=target, one_sided=one_sided, interval=interval)
        if not c > 0:
            raise ValueError(f"c must be positive, got {c}")
        self.c = c

    def points(self, match: Match, draws: Draws) -> Tensor:
        real = full_precision(match.x_real)
        return real + self.c**0.5 * draws.normal(*real.shape, dtype=real.dtype)


class DraganUniform(NormPenalty):
    """DRAGAN as its authors' code has it: x_hat = x + alpha scale std(x) u, u ~ U[0, 1] for every pixel.

    alpha ~ U[0, 1] for every sample; std(x) is one number, over all pixels of the batch of all ranks, or of the
    micro-batch where gradients are accumulated.

    Args:
        scale: > 0; the code's 0.5.
    """

    def __init__(
        self, *, scale: float = 0.5, weight: float = 10.0, target: float = 1.0, one_sided: bool = False,
        interval: int = 1,
    ) -> None:  # fmt: skip
        super().__init__(weight=weight, target=target, one_sided=one_sided, interval=interval)
        if not scale > 0:
            raise ValueError(f"scale must be positive, got {scale}")
        self.scale = scale

    def points(self, match: Match, draws: Draws) -> Tensor:
        real = full_precision(match.x_real)
        mean = match.ranks.mean(real.flatten())
        std = match.ranks.mean((real - mean).flatten().square()).sqrt()
        alpha = _one_per_sample(real, draws)
        return real + alpha * self.scale * std * draws.uniform(*real.shape, dtype=real.dtype)


def _one_per_sample(x: Tensor, draws: Draws) -> Tensor:
    """U[0, 1) for every sample, shaped to multiply x (N, ...)."""
    return draws.uniform(len(x), *[1] * (x.dim() - 1), dtype=x.dtype)


class Drift(Penalty):
    """weight E_x D(x)^2 at real samples, which keeps D's values from drifting away (ProGAN, arXiv:1710.10196, A.1).

    For objectives that a common shift of all values leaves as they are, or rewards.

    Args:
        weight: the paper's epsilon_drift, > 0.
    """

    per_sample = False

    def __init__(self, *, weight: float = 0.001, interval: int = 1) -> None:
        super().__init__(interval=interval)
        if not weight > 0:
            raise ValueError(f"weight must be positive, got {weight}")
        self.weight = weight

    def __call__(self, critic: CriticFunction, match: Match, draws: Draws) -> Tensor:
        assert match.real is not None, "the D step scores real samples"
        return self.weight * at_least_float32(match.real.value).square().mean()
