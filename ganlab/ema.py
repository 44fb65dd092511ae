"""The moving average of the generator, the network that is sampled and measured."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn


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

    def follow(self, average: nn.Module, network: nn.Module) -> Callable[[float, Tensor | None], None]:
        """A function of a decay: average <- decay * average + (1 - decay) * network.

        Its second argument is 1 where the network's step was left out and 0 where not, None if steps never
        are: then the average stays as it is, without asking the device.  The function holds on to the tensors
        of both networks as they are now: make it after they have moved to their device.
        """
        averages: list[Tensor] = list(average.parameters())
        weights: list[Tensor] = list(network.parameters())
        buffers = list(zip(average.buffers(), network.buffers(), strict=True))

        @torch.no_grad()
        def update(decay: float, skipped: Tensor | None) -> None:
            if skipped is None:
                torch._foreach_lerp_(averages, weights, 1 - decay)
            else:
                share = (1 - decay) * (1 - skipped)
                for average, weight in zip(averages, weights, strict=True):
                    average.lerp_(weight, share.to(average.dtype))
            for copied, buffer in buffers:
                copied.copy_(buffer)

        return update
