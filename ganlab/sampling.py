"""Samples from a generator in batches, each a function of its number."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ganlab.data.source import to_uint8
from ganlab.evaluation.result import check_finite
from ganlab.latent import Latent

_BATCH = 256


@torch.no_grad()
def generate(
    generator: nn.Module, latents: Tensor, *, device: torch.device | str = "cpu", numbers: range | None = None
) -> Tensor:
    """Samples for latents (N, dim), made in evaluation mode without autocast: uint8 images or float points, (N, ...).

    Args:
        numbers: those of the samples; raises EvaluationError naming the first one that is not finite.
    """
    training = generator.training
    generator.eval()
    try:
        dtype = next(generator.parameters()).dtype
        with torch.autocast(torch.device(device).type, enabled=False):
            samples = torch.cat([generator(z.to(device, dtype)) for z in latents.split(_BATCH)])
    finally:
        generator.train(training)
    if numbers is not None:
        check_finite(samples, numbers)
    return to_uint8(samples) if samples.dim() == 4 else samples.float()


def evaluation_samples(
    generator: nn.Module, latent: Latent, *, seed: int, device: torch.device | str = "cpu",
    truncation: float | None = None,
) -> Callable[[range], Tensor]:  # fmt: skip
    """A function of numbers -> the samples with these numbers, for evaluations.

    It raises EvaluationError for a sample that is NaN or infinite: as uint8 it would look like any other.
    """

    def sample(numbers: range) -> Tensor:
        between = latent.numbered(
            numbers[0], numbers[-1] - numbers[0] + 1, seed=seed, purpose="evaluation", truncation=truncation
        )
        return generate(generator, between[:: numbers.step], device=device, numbers=numbers)

    return sample


@torch.no_grad()
def standing_statistics(
    generator: nn.Module, latent: Latent, *, batches: int, seed: int, device: torch.device | str = "cpu"
) -> None:
    """Give G's BatchNorm layers the mean statistics over so many batches of 256 latents (Brock et al. 2019, appendix).

    They replace the running averages of training, which lag behind the weights and do not know of truncation.
    """
    norms = batch_norms(generator)
    kept = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean of all batches
    generator.train()
    dtype = next(generator.parameters()).dtype
    for batch in range(batches):
        generator(latent.numbered(batch * _BATCH, _BATCH, seed=seed, purpose="standing").to(device, dtype))
    generator.eval()
    for norm, momentum in zip(norms, kept, strict=True):
        norm.momentum = momentum


def batch_norms(network: nn.Module) -> list[Any]:
    """Its BatchNorm layers with running statistics."""
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d)
    return [layer for layer in network.modules() if isinstance(layer, kinds) and layer.track_running_stats]
