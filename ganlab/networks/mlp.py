"""Fully connected networks, as in the original paper; for images and for points."""

import itertools
import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from ganlab.networks.layers import Maxout, activation, initialise, norm, normalise_spectrally
from ganlab.objectives import Scores


def _hidden(
    widths: Sequence[int], *, activation_name: str, norm_name: str, maxout: int | None = None,
    bias: bool = True, momentum: float = 0.1,
) -> nn.Sequential:  # fmt: skip
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        layers.append(nn.Linear(inputs, outputs * (maxout or 1), bias=bias))
        layers.append(norm(norm_name, outputs * (maxout or 1), dims=1, momentum=momentum))
        layers.append(Maxout(maxout) if maxout else activation(activation_name))
    return nn.Sequential(*layers)


def _check_hidden(hidden: Sequence[int]) -> None:
    if not hidden or min(hidden) < 1:
        raise ValueError(f"hidden must be a non-empty list of positive widths, got {list(hidden)}")


class MLPGenerator(nn.Module):
    """z (N, latent_dim) -> samples (N, *shape): images in [-1, 1] through tanh, points unbounded.

    Args:
        shape: of one sample, (C, H, W) or (d,).
        latent_dim: size of z.
        hidden: widths of the hidden layers.
        activation: of the hidden layers, see `layers.activation`.
        norm: of the hidden layers, see `layers.NORMS`.
        norm_momentum: share of a batch in BatchNorm's running statistics, in (0, 1].
        bias: whether the hidden layers have one; before BatchNorm it has no effect.
        init_std: weights from N(0, init_std^2); null for torch's default.
    """

    def __init__(
        self, *, shape: tuple[int, ...], latent_dim: int, hidden: Sequence[int] = (256, 256),
        activation: str = "relu", norm: str = "none", norm_momentum: float = 0.1, bias: bool = True,
        init_std: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        _check_hidden(hidden)
        if not 0 < norm_momentum <= 1:
            raise ValueError(f"norm_momentum must be in (0, 1], got {norm_momentum}")
        self.shape = tuple(shape)
        widths = [latent_dim, *hidden]
        self.hidden = _hidden(
            widths, activation_name=activation, norm_name=norm, bias=bias, momentum=norm_momentum
        )
        self.output = nn.Linear(widths[-1], math.prod(shape))
        initialise(self, init_std)

    def forward(self, z: Tensor) -> Tensor:
        x = self.output(self.hidden(z)).unflatten(1, self.shape)
        return torch.tanh(x) if len(self.shape) == 3 else x


class MLPDiscriminator(nn.Module):
    """x (N, *shape) -> a score per sample.

    Args:
        shape: of one sample, (C, H, W) or (d,).
        hidden: widths of the hidden layers.
        activation: of the hidden layers, see `layers.activation`.
        norm: of the hidden layers, see `layers.NORMS`.
        maxout: linear pieces of each maxout unit; null for the activation instead.
        spectral_norm: normalise every layer spectrally.
        init_std: weights from N(0, init_std^2); null for torch's default.
    """

    critic: ClassVar = "scalar"

    def __init__(
        self, *, shape: tuple[int, ...], hidden: Sequence[int] = (256, 256), activation: str = "leaky_relu",
        norm: str = "none", maxout: int | None = None, spectral_norm: bool = False, init_std: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        _check_hidden(hidden)
        if maxout is not None and maxout < 2:
            raise ValueError(f"maxout must be at least 2 pieces, got {maxout}")
        self.hidden = _hidden(
            [math.prod(shape), *hidden], activation_name=activation, norm_name=norm, maxout=maxout
        )
        self.output = nn.Linear(hidden[-1], 1)
        initialise(self, init_std)
        if spectral_norm:
            normalise_spectrally(self)

    def forward(self, x: Tensor) -> Scores:
        features = self.hidden(x.flatten(1))
        return Scores(self.output(features).squeeze(1), features)
