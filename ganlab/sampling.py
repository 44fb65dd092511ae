"""Samples from a generator in batches, each a function of its number."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganlab.data.source import to_uint8
from ganlab.errors import EvaluationError
from ganlab.evaluation.result import Evaluation, Result, Tick, check_finite, measure, usable_device
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
        dtype = _dtype(generator)
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

    It raises EvaluationError for a sample that is NaN or infinite: as uint8 it would look like any other.  Where G's
    BatchNorm uses the statistics of a batch, that is always the same one: samples 0 to 255, 256 to 511, and so on.
    """

    def latents(start: int, n: int) -> Tensor:
        return latent.numbered(start, n, seed=seed, purpose="evaluation", truncation=truncation)

    def sample(numbers: range) -> Tensor:
        between = latents(numbers[0], numbers[-1] - numbers[0] + 1)
        return generate(generator, between[:: numbers.step], device=device, numbers=numbers)

    @lru_cache(maxsize=1)  # smaller batches of an evaluation share it
    def whole(batch: int) -> Tensor:
        numbers = range(batch * _BATCH, (batch + 1) * _BATCH)
        return generate(generator, latents(numbers[0], _BATCH), device=device, numbers=numbers)

    def sample_from_batches(numbers: range) -> Tensor:
        first = numbers[0] // _BATCH
        batches = torch.cat([whole(batch) for batch in range(first, numbers[-1] // _BATCH + 1)])
        return batches[numbers[0] - first * _BATCH :][: numbers[-1] - numbers[0] + 1 : numbers.step]

    coupled = any(norm.running_mean is None for norm in batch_norms(generator))
    return sample_from_batches if coupled else sample


def measure_generator(
    evaluation: Evaluation, generator: nn.Module, latent: Latent, *, metrics: Sequence[str] | None = None,
    device: torch.device | str | None = None, seeds: int | None = None, truncation: float | None = None,
    batch_norm: str = "running", tick: Tick | None = None,
) -> Result:  # fmt: skip
    """Measure what a generator makes of numbered latents, see `measure`; the protocol says how they were made."""
    device = usable_device(device)
    generator = generator.to(device)
    statistics = choose_statistics(generator, latent, batch_norm, seed=evaluation.seed, device=device)
    result = measure(
        evaluation,
        lambda seed: evaluation_samples(generator, latent, seed=seed, device=device, truncation=truncation),
        metrics=metrics, device=device, seeds=seeds, tick=tick,
    )  # fmt: skip
    how = {"truncation": truncation, "batch_norm": statistics}
    return replace(result, protocol={**result.protocol, **how})


def choose_statistics(
    generator: nn.Module, latent: Latent, choice: str, *, seed: int, device: torch.device | str = "cpu"
) -> str:
    """Have G's BatchNorm use these statistics when it is sampled; returns what a protocol says of it.

    Args:
        generator: changed in place, unless the choice is ``running``.
        choice: ``running`` averages of training; those of each ``batch`` of 256; ``standing:N``, the mean statistics over N
            batches of 256 latents (Brock et al. 2019), which do not lag behind the weights.

    Raises:
        EvaluationError: another choice.
    """
    word, _, count = choice.partition(":")
    if choice not in ("running", "batch") and not (
        word == "standing" and count.isdecimal() and int(count) > 0
    ):
        raise EvaluationError(f"batch_norm must be running, batch or standing:N, got '{choice}'")
    norms = [norm for norm in batch_norms(generator) if norm.track_running_stats]
    if not norms:
        return "none"
    if word == "standing":
        _stand(generator, norms, latent, batches=int(count), seed=seed, device=device)
        return f"standing statistics over {count} batches of {_BATCH}"
    if word == "batch":
        for norm in norms:
            # then a batch's own are used
            norm.running_mean = norm.running_var = norm.num_batches_tracked = None
        return f"statistics of each batch of {_BATCH}"
    return word


@torch.no_grad()
def _stand(
    generator: nn.Module,
    norms: list[Any],
    latent: Latent,
    *,
    batches: int,
    seed: int,
    device: torch.device | str,
) -> None:
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean of all batches
        norm.train()
    dtype = _dtype(generator)
    for batch in range(batches):
        generator(latent.numbered(batch * _BATCH, _BATCH, seed=seed, purpose="standing").to(device, dtype))
    generator.eval()


def _dtype(generator: nn.Module) -> torch.dtype:
    """Of its weights, for its latents."""
    return next((weight.dtype for weight in generator.parameters()), torch.float32)


def batch_norms(network: nn.Module) -> list[Any]:
    """Its BatchNorm layers."""
    return [layer for layer in network.modules() if isinstance(layer, _BatchNorm)]
