"""Samples from a generator in batches, each a function of its number."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ganlab.data.source import to_uint8
from ganlab.latent import Latent

_BATCH = 256


@torch.no_grad()
def generate(generator: nn.Module, latents: Tensor, *, device: torch.device | str = "cpu") -> Tensor:
    """Samples for latents (N, dim), made in evaluation mode without autocast: uint8 images or float points, (N, ...)."""
    training = generator.training
    generator.eval()
    try:
        dtype = next(generator.parameters()).dtype
        with torch.autocast(torch.device(device).type, enabled=False):
            samples = torch.cat([generator(z.to(device, dtype)) for z in latents.split(_BATCH)])
    finally:
        generator.train(training)
    return to_uint8(samples) if samples.dim() == 4 else samples.float()


def evaluation_samples(
    generator: nn.Module, latent: Latent, *, seed: int, device: torch.device | str = "cpu",
    truncation: float | None = None,
) -> Callable[[int, int], Tensor]:  # fmt: skip
    """A function (n, start) -> samples number start to start + n - 1, for evaluations."""

    def sample(n: int, start: int) -> Tensor:
        latents = latent.numbered(start, n, seed=seed, purpose="evaluation", truncation=truncation)
        return generate(generator, latents, device=device)

    return sample
