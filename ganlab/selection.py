"""The last checkpoint and the best one, measured once more on samples that had no part in the choice."""

import time
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from ganlab.countdown import Countdown
from ganlab.data import DataSource
from ganlab.evaluation import Evaluation
from ganlab.ranks import Ranks
from ganlab.run import Run
from ganlab.runs import RunFolder


def compare_checkpoints(
    cfg: DictConfig, source: DataSource, evaluation: Evaluation, folder: RunFolder, *, ranks: Ranks,
    device: torch.device | str,
) -> None:  # fmt: skip
    """Write ``selection`` to the summary: the metric that selects, of the last and of the best checkpoint.

    The best of many noisy numbers is too good; so both are measured with sampling seeds that the choice has not seen.
    All ranks of a run call it.
    """
    metric, seeds = evaluation.selects, cfg.selection.seeds
    if metric is None or not seeds:
        return
    # rank 0 writes them; the others are perhaps here before
    paths = ranks.first(lambda: _last_and_best(folder))
    if paths is None:
        return
    began, countdown, first = time.perf_counter(), Countdown(), ranks.rank == 0
    fresh = evaluation.afresh(seed=evaluation.seed + 1, n_fake=cfg.selection.n_fake)

    def measured(run: Run) -> dict[str, Any]:
        result = run.measure(
            fresh,
            cfg,
            source,
            metrics=[metric],
            device=device,
            seeds=seeds,
            tick=countdown if first else None,
        )
        value, spread = result.metrics[metric], result.spread.get(metric)
        return {"value": value, "spread": spread, "protocol": result.protocol}

    last, best = (Run(folder, path) for path in paths)
    try:
        of_last = measured(last)
        of_best = of_last if best.images == last.images else measured(best)
    finally:
        countdown.close()
    if first:
        seconds = time.perf_counter() - began
        folder.write_summary(
            selection={"metric": metric, "last": of_last, "best": of_best, "seconds": seconds}
        )


def _last_and_best(folder: RunFolder) -> tuple[Path, Path] | None:
    best = folder.best_checkpoint
    return (Run(folder).checkpoint, best) if best.is_file() else None
