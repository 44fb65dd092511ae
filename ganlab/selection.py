"""The last checkpoint and the best one, measured once more on samples that had no part in the choice."""

from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from ganlab.evaluation import Evaluation, Result
from ganlab.evaluation.shards import Shards
from ganlab.latent import Latent
from ganlab.run import Run
from ganlab.runs import RunFolder
from ganlab.sampling import measure_generator


def compare_checkpoints(
    cfg: DictConfig, evaluation: Evaluation, folder: RunFolder, *, device: torch.device | str
) -> None:
    """Write ``selection`` to the summary: the metric that selects, of the last and of the best checkpoint.

    The best of many noisy numbers is too good; so both are measured with sampling seeds that the choice has not seen.
    All ranks of a run call it.
    """
    metric, seeds = evaluation.selects, cfg.selection.seeds
    if metric is None or not seeds or not folder.best_checkpoint.is_file():
        return
    fresh = evaluation.afresh(seed=evaluation.seed + 1, n_fake=cfg.selection.n_fake)
    found: dict[Path, dict[str, Any]] = {}
    selection: dict[str, Any] = {"metric": metric}
    for which, path in (("last", folder.newest_checkpoint()), ("best", folder.best_checkpoint)):
        run = Run(folder, path)
        images = run.images
        known = next((entry for entry in found.values() if entry["images"] == images), None)
        if known is None:
            result = _measure(run, cfg, fresh, metric, seeds, device)
            known = {"images": images, "value": result.metrics[metric], "spread": result.spread.get(metric)}
            selection["protocol"] = result.protocol
        found[path] = selection[which] = known
    if Shards().rank == 0:
        folder.write_summary(selection=selection)


def _measure(
    run: Run, cfg: DictConfig, evaluation: Evaluation, metric: str, seeds: int, device: torch.device | str
) -> Result:
    latent = Latent(cfg.network.latent_dim, cfg.network.latent)
    return measure_generator(
        evaluation, run.generator(), latent, metrics=[metric], device=device, seeds=seeds
    )
