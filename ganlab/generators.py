"""Measuring a generator that no run of ganlab made."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from ganlab.errors import EvaluationError
from ganlab.evaluation import Result, Tick
from ganlab.evaluation.folders import prepare
from ganlab.latent import Latent
from ganlab.sampling import measure_generator


def evaluate_generator(
    generator: nn.Module, reference: Path | str | None = None, overrides: Sequence[str] = (), *,
    metrics: Sequence[str] | None = None, device: torch.device | str | None = None, seeds: int | None = None,
    truncation: float | None = None, batch_norm: str = "running",
    config_dir: Sequence[Path | str] | None = None, tick: Tick | None = None,
) -> Result:  # fmt: skip
    """Measure any generator, as ``ganlab evaluate generator._target_=CLASS`` does.

    Args:
        generator: maps normal latents (N, latent_dim) to images (N, C, H, W) in [-1, 1] and has the attribute
            ``latent_dim``.
        reference: images of the shape it makes, in a folder, zip or NumPy file; None where the overrides choose a
            data set, ``data=cifar10``.
        overrides: as for `ganlab.evaluate_folders`.

    The others are those of `Run.evaluate`.

    Raises:
        GanlabError: it is not such a module, or the reference is no such images.
    """
    dimension = getattr(generator, "latent_dim", None)
    if not isinstance(generator, nn.Module) or not isinstance(dimension, int):
        raise EvaluationError(
            f"a generator is a torch.nn.Module with a latent_dim, {type(generator).__name__} is none: wrap it in one"
        )
    measured = prepare(None, reference, overrides, config_dir)
    generator = generator.eval().requires_grad_(False)
    result = measure_generator(
        measured.evaluation, generator, Latent(dimension), metrics=metrics, device=device, seeds=seeds,
        truncation=truncation, batch_norm=batch_norm, tick=tick,
    )  # fmt: skip
    kind = type(generator)
    return replace(
        result, protocol={**result.protocol, "generator": f"{kind.__module__}.{kind.__qualname__}"}
    )
