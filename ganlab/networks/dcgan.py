"""Convolutional networks after DCGAN (Radford et al. 2016, arXiv:1511.06434), 8 to 128 pixels."""

import itertools
from typing import ClassVar

import torch
from torch import Tensor, nn

from ganlab.networks.layers import activation, initialise, norm, normalise_spectrally
from ganlab.objectives import Scores


def _levels(shape: tuple[int, ...]) -> int:
    """Doublings between 4x4 and the image."""
    if len(shape) != 3 or shape[1] != shape[2] or shape[1] not in (8, 16, 32, 64, 128):
        raise ValueError(
            f"dcgan makes square images of 8, 16, 32, 64 or 128 pixels, not samples of shape {list(shape)}"
        )
    return shape[1].bit_length() - 3


def _channels(width: int, levels: int) -> list[int]:
    """Channels from the image's side of the network to its 4x4 side: width, 2 width, 4 width, ..."""
    if width < 1:
        raise ValueError(f"width must be at least 1, got {width}")
    return [width * 2**level for level in range(levels)]


class DCGANGenerator(nn.Module):
    """z (N, latent_dim) -> images (N, C, H, H) in [-1, 1], through transposed convolutions from 4x4.

    Args:
        shape: of the images, (C, H, H) with H in 8, 16, 32, 64, 128.
        latent_dim: size of z.
        width: channels of the layer before the image; they double towards 4x4.
        activation: see `layers.activation`.
        norm: see `layers.NORMS`.
        init_std: weights from N(0, init_std^2), the paper's 0.02; null for torch's default.
    """

    def __init__(
        self, *, shape: tuple[int, ...], latent_dim: int, width: int = 64, activation: str = "relu",
        norm: str = "batch", init_std: float | None = 0.02,
    ) -> None:  # fmt: skip
        super().__init__()
        channels = _channels(width, _levels(shape))[::-1]
        self.input = nn.Sequential(
            nn.Linear(latent_dim, channels[0] * 16), nn.Unflatten(1, (channels[0], 4, 4))
        )
        layers: list[nn.Module] = [*_norm_activation(norm, channels[0], activation)]
        for inputs, outputs in itertools.pairwise(channels):
            layers.append(nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1))
            layers += _norm_activation(norm, outputs, activation)
        layers.append(nn.ConvTranspose2d(channels[-1], shape[0], 4, stride=2, padding=1))
        self.layers = nn.Sequential(*layers)
        initialise(self, init_std)

    def forward(self, z: Tensor) -> Tensor:
        return torch.tanh(self.layers(self.input(z)))


class DCGANDiscriminator(nn.Module):
    """Images (N, C, H, H) -> a score per image, through strided convolutions to 4x4.

    Args:
        shape: of the images, (C, H, H) with H in 8, 16, 32, 64, 128.
        width: channels of the first layer; they double towards 4x4.
        activation: see `layers.activation`.
        norm: of all layers but the first, see `layers.NORMS`.
        spectral_norm: normalise every layer spectrally.
        init_std: weights from N(0, init_std^2), the paper's 0.02; null for torch's default.
    """

    critic: ClassVar = "scalar"

    def __init__(
        self, *, shape: tuple[int, ...], width: int = 64, activation: str = "leaky_relu", norm: str = "none",
        spectral_norm: bool = False, init_std: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        channels = [shape[0], *_channels(width, _levels(shape))]
        layers: list[nn.Module] = []
        for level, (inputs, outputs) in enumerate(itertools.pairwise(channels)):
            layers.append(nn.Conv2d(inputs, outputs, 4, stride=2, padding=1))
            layers += _norm_activation(norm if level else "none", outputs, activation)
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.output = nn.Linear(channels[-1] * 16, 1)
        initialise(self, init_std)
        if spectral_norm:
            normalise_spectrally(self)

    def forward(self, x: Tensor) -> Scores:
        features = self.layers(x)
        return Scores(self.output(features).squeeze(1), features)


def _norm_activation(norm_name: str, channels: int, activation_name: str) -> list[nn.Module]:
    return [norm(norm_name, channels, dims=2), activation(activation_name)]
