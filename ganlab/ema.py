"""The moving average of the generator, the network that is sampled and measured."""

import copy

import torch
from torch import nn


class EMA:
    """Averages a network's parameters with a half-life counted in images; buffers are copied.

    The half-life grows with training up to its value, so that the first images are not averaged with the
    initial weights for long: StyleGAN2-ADA's ramp-up, min(half_life, 0.05 * images).

    Args:
        half_life: images after which a weight's share in the average is 1/2; 0 copies the network.
        rampup: share of the images seen that bounds the half-life.
    """

    def __init__(self, *, half_life: float, rampup: float = 0.05) -> None:
        self.half_life, self.rampup = half_life, rampup

    def start(self, network: nn.Module) -> nn.Module:
        """A frozen copy of the network, to be averaged into."""
        return copy.deepcopy(network).eval().requires_grad_(False)

    def decay(self, images: int, step: int) -> float:
        """Share of the average that survives a step of `step` images, after `images` images."""
        half_life = min(self.half_life, self.rampup * images)
        return 0.5 ** (step / half_life) if half_life > 0 else 0.0

    @torch.no_grad()
    def update(self, average: nn.Module, network: nn.Module, decay: float) -> None:
        """average <- decay * average + (1 - decay) * network."""
        torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)
        for buffer, source in zip(average.buffers(), network.buffers(), strict=True):
            buffer.copy_(source)
