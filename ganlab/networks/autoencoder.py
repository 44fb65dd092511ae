"""Autoencoders as critics, for EBGAN and BEGAN: the energy of a sample is its reconstruction error."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar, Literal

from torch import Tensor, nn

from ganlab.networks.layers import activation, initialise, norm, normalise_spectrally
from ganlab.objectives import Scores
from ganlab.objectives.base import at_least_float32

Error = Literal["l1", "l2"]


class Autoencoder(nn.Module):
    """Samples (N, *shape) -> energies (N,), lower = more real, and codes (N, code_dim).

    The error is compared with the sample itself, not with a copy that is cut off from the graph: G's gradient
    flows through the reconstruction and through its target.

    Args:
        error: ``l2``, the mean of squares over all dimensions of a sample (EBGAN), or ``l1``, the mean of
            absolute values (BEGAN).
    """

    critic: ClassVar = "autoencoder"
    encoder: nn.Module
    decoder: nn.Module

    def __init__(self, *, error: Error) -> None:
        super().__init__()
        if error not in ("l1", "l2"):
            raise ValueError(f"error must be l1 or l2, got {error}")
        self.error = error

    def forward(self, x: Tensor) -> Scores:
        code = self.encoder(x)
        residual = (at_least_float32(self.decoder(code)) - at_least_float32(x)).flatten(1)
        return Scores((residual.abs() if self.error == "l1" else residual.square()).mean(1), code)


class ConvAutoencoder(Autoencoder):
    """An autoencoder of images after BEGAN's (Berthelot et al. 2017, figure 1).

    Pairs of 3x3 convolutions; strided ones halve the image until a side is odd or at most 4, nearest-
    neighbour upsampling doubles it again; the code is linear in the last features.  Channels grow by `width`
    at each halving of the encoder, those of the decoder are `width`.

    Args:
        shape: of the images, (C, H, W).
        width: the paper's n.
        code_dim: the paper's N_h, size of the code.
        error: see `Autoencoder`.
        activation: see `layers.activation`.
        norm: of the layers inside, see `layers.NORMS`.
        spectral_norm: normalise every layer spectrally.
        init_std: weights from N(0, init_std^2); null for torch's default.
    """

    def __init__(
        self, *, shape: tuple[int, ...], width: int = 32, code_dim: int = 64, error: Error = "l2",
        activation: str = "elu", norm: str = "none", spectral_norm: bool = False,
        init_std: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__(error=error)
        if len(shape) != 3:
            raise ValueError(f"a convolutional autoencoder takes images, not samples of shape {list(shape)}")
        _check_positive(width=width, code_dim=code_dim)
        sides = _halvings(shape[1], shape[2])
        smallest = (width * len(sides), *sides[-1])
        layers = [*_block(shape[0], width, activation, norm)]
        for level in range(1, len(sides)):
            inputs, outputs = level * width, (level + 1) * width
            layers += [
                nn.Conv2d(inputs, outputs, 3, stride=2, padding=1),
                *_inside(outputs, activation, norm),
            ]
            layers += _block(outputs, outputs, activation, norm)
        self.encoder = nn.Sequential(*layers, nn.Flatten(), nn.Linear(math.prod(smallest), code_dim))
        start = (width, *sides[-1])
        layers = [nn.Linear(code_dim, math.prod(start)), nn.Unflatten(1, start)]
        layers += _block(width, width, activation, norm)
        for _ in sides[1:]:
            layers += [nn.Upsample(scale_factor=2), *_block(width, width, activation, norm)]
        self.decoder = nn.Sequential(*layers, nn.Conv2d(width, shape[0], 3, padding=1))
        initialise(self, init_std)
        if spectral_norm:
            normalise_spectrally(self)


class MLPAutoencoder(Autoencoder):
    """A fully connected autoencoder of points or images, its decoder the mirror image of its encoder.

    Args:
        shape: of one sample, (C, H, W) or (d,).
        hidden: widths of the encoder's hidden layers.
        code_dim: size of the code.
        error: see `Autoencoder`.
        activation: see `layers.activation`.
        norm: of the hidden layers, see `layers.NORMS`.
        spectral_norm: normalise every layer spectrally.
        init_std: weights from N(0, init_std^2); null for torch's default.
    """

    def __init__(
        self, *, shape: tuple[int, ...], hidden: Sequence[int] = (256,), code_dim: int = 32,
        error: Error = "l2", activation: str = "leaky_relu", norm: str = "none", spectral_norm: bool = False,
        init_std: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__(error=error)
        if not hidden or min(hidden) < 1:
            raise ValueError(f"hidden must be a non-empty list of positive widths, got {list(hidden)}")
        _check_positive(code_dim=code_dim)
        widths = [math.prod(shape), *hidden, code_dim]
        self.encoder = nn.Sequential(nn.Flatten(), *_linear(widths, activation, norm))
        self.decoder = nn.Sequential(*_linear(widths[::-1], activation, norm), nn.Unflatten(1, tuple(shape)))
        initialise(self, init_std)
        if spectral_norm:
            normalise_spectrally(self)


def autoencoder_for(
    *, shape: tuple[int, ...], width: int = 32, hidden: Sequence[int] = (256, 256), code_dim: int = 64,
    error: Error = "l2", norm: str = "none", spectral_norm: bool = False, init_std: float | None = None,
) -> Autoencoder:  # fmt: skip
    """The autoencoder that suits the data: `ConvAutoencoder` for images, `MLPAutoencoder` for points.

    Args:
        width: of the convolutional one.
        hidden: of the fully connected one.
    """
    if len(shape) == 3:
        return ConvAutoencoder(
            shape=shape, width=width, code_dim=code_dim, error=error, norm=norm,
            spectral_norm=spectral_norm, init_std=init_std,
        )  # fmt: skip
    return MLPAutoencoder(
        shape=shape, hidden=hidden, code_dim=code_dim, error=error, norm=norm, spectral_norm=spectral_norm,
        init_std=init_std,
    )  # fmt: skip


def _check_positive(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} must be at least 1, got {size}")


def _halvings(height: int, width: int) -> list[tuple[int, int]]:
    """The sizes of an image as it is halved: while both sides are even and above 4."""
    sides = [(height, width)]
    while all(side > 4 and side % 2 == 0 for side in sides[-1]):
        sides.append((sides[-1][0] // 2, sides[-1][1] // 2))
    return sides


def _inside(channels: int, activation_name: str, norm_name: str) -> list[nn.Module]:
    return [norm(norm_name, channels, dims=2), activation(activation_name)]


def _block(inputs: int, outputs: int, activation_name: str, norm_name: str) -> list[nn.Module]:
    """Two 3x3 convolutions."""
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1), *_inside(outputs, activation_name, norm_name)]
    return layers


def _linear(widths: Sequence[int], activation_name: str, norm_name: str) -> list[nn.Module]:
    """Linear layers with activations between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [
            nn.Linear(inputs, outputs),
            norm(norm_name, outputs, dims=1),
            activation(activation_name),
        ]
    return layers[:-2]
