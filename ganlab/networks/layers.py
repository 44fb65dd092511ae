"""Parts that the networks share: activations, normalisation and spectral norm by name."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrizations import _SpectralNorm, spectral_norm

NORMS = ("none", "batch", "group", "layer", "instance")


class Maxout(nn.Module):
    """The maximum over k consecutive features (Goodfellow et al. 2013): (N, k * F) -> (N, F)."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (-1, self.pieces)).amax(2)


def activation(name: str) -> nn.Module:
    """``leaky_relu`` (slope 0.2) or any activation of torch.nn by its lower-case name: relu, elu, silu, tanh, ..."""
    if name == "leaky_relu":
        return nn.LeakyReLU(0.2)
    by_name = {n.lower(): getattr(nn.modules.activation, n) for n in nn.modules.activation.__all__}
    try:
        return by_name[name.replace("_", "").lower()]()
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"activation must be leaky_relu or a torch.nn activation such as relu, elu, silu, got {name}"
        ) from error


def norm(name: str, channels: int, *, dims: int, momentum: float = 0.1) -> nn.Module:
    """A normalisation layer for (N, channels) features (dims=1) or (N, channels, H, W) maps (dims=2).

    Args:
        momentum: share of a batch in BatchNorm's running statistics.
    """
    match name:
        case "none":
            return nn.Identity()
        case "batch":
            layer = nn.BatchNorm1d if dims == 1 else nn.BatchNorm2d
            return layer(channels, momentum=momentum)
        case "group":
            groups = next(g for g in range(max(1, channels // 16), 0, -1) if channels % g == 0)
            return nn.GroupNorm(groups, channels)
        case "layer":
            return nn.GroupNorm(1, channels)
        case "instance":
            if dims == 1:
                raise ValueError("norm=instance has nothing to average over in a fully connected layer")
            return nn.GroupNorm(channels, channels)
    raise ValueError(f"norm must be one of {', '.join(NORMS)}, got {name}")


def initialise(module: nn.Module, std: float | None) -> None:
    """Draw every weight from N(0, std^2) with zero biases, as DCGAN does; None keeps torch's defaults."""
    if std is None:
        return
    if not std > 0:
        raise ValueError(f"init_std must be positive, got {std}")
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, std)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def normalise_spectrally(module: nn.Module) -> None:
    """Divide the weight matrix of every layer by its largest singular value (SNGAN, Miyato et al. 2018).

    The matrix is the weight reshaped to (outputs, everything else), as in the paper: a convolution so
    normalised is not in general a 1-Lipschitz map.  The singular value is estimated by power iteration, one
    at every forward pass in training mode: one in a D step, two with a penalty on D's slope, as many times
    that as there are micro-batches or separate passes for real and fake samples; none in a G step.
    """
    for layer in list(module.modules()):
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.Embedding):
            spectral_norm(layer)


def power_iterations(module: nn.Module) -> Iterator[nn.Module]:
    """The spectral-norm parametrisations in a network; in eval mode they leave their vectors as they are."""
    return (m for m in module.modules() if isinstance(m, _SpectralNorm))


class Frozen:
    """A context in which a network gives gradients to its input alone, and its power iterations rest.

    It holds on to the network's parts as they are now.
    """

    def __init__(self, module: nn.Module) -> None:
        self._parameters = [p for p in module.parameters() if p.requires_grad]
        self._power_iterations = [m for m in power_iterations(module) if m.training]

    def __enter__(self) -> None:
        self._switch(False)

    def __exit__(self, *exception: object) -> None:
        self._switch(True)

    def _switch(self, on: bool) -> None:
        for parameter in self._parameters:
            parameter.requires_grad = on
        for iteration in self._power_iterations:
            iteration.training = on


def couples_batch(module: nn.Module) -> bool:
    """Whether a sample's output depends on the other samples of its batch.

    So it does with BatchNorm, and with any layer that says so of itself by ``couples_batch = True``, such as
    a minibatch standard deviation.
    """
    return any(isinstance(m, _BatchNorm) or getattr(m, "couples_batch", False) for m in module.modules())


def batch_statistics(module: nn.Module) -> list[Tensor]:
    """The running means and variances of BatchNorm, which differ where the batches do."""
    layers = [m for m in module.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    return [tensor for m in layers for tensor in (m.running_mean, m.running_var) if tensor is not None]


@torch.no_grad()
def count_parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())
