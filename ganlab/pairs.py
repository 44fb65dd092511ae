"""A picture of the samples that lie closest to training images, each beside its neighbour."""

from collections.abc import Sequence
from pathlib import Path

import torch

from ganlab.errors import EvaluationError
from ganlab.evaluation import Result
from ganlab.images import save_grid
from ganlab.latent import Latent
from ganlab.run import Run
from ganlab.sampling import evaluation_samples


def draw_pairs(
    run: Run, result: Result, path: Path, *, overrides: Sequence[str] = (), averaged: bool = True,
    config_dir: Sequence[Path | str] | None = None,
) -> None:  # fmt: skip
    """Save the closest pairs of a run's result, closest first: sample, training image, sample, training image, ...

    Args:
        result: of `Run.evaluate` with the metric memorisation, with the same overrides and weights.

    Raises:
        EvaluationError: the result has no pairs, or its samples cannot be made one by one.
    """
    pairs, protocol = result.details.get("closest_pairs"), result.protocol
    if not isinstance(pairs, list):
        raise EvaluationError(
            "the closest pairs are found by the metric memorisation, which was not measured"
        )
    if protocol["batch_norm"] not in ("none", "running"):
        raise EvaluationError(
            f"samples by {protocol['batch_norm']} cannot be made again one by one for a picture"
        )
    cfg, source, evaluation = run.evaluation(overrides, config_dir)
    sample = evaluation_samples(
        run.generator(averaged=averaged), Latent(cfg.network.latent_dim, cfg.network.latent), seed=evaluation.seed,
        truncation=protocol["truncation"],  # type: ignore[arg-type]
    )  # fmt: skip
    real = source.split(str(protocol["reference"]).rpartition("/")[2]).x
    images = []
    for pair in pairs:
        images += [sample(range(pair["fake"], pair["fake"] + 1))[0], real[pair["real"]]]
    save_grid(torch.stack(images).numpy(), path)
