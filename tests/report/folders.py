"""Run folders as ganlab writes them, with the numbers that a test wants."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ganlab import config
from ganlab.images import save_grid
from ganlab.runs import RunFolder

PROTOCOL = {"extractor": "digits", "n_fake": 900, "reference": "digits/train", "seed": 0, "images": 3000}
NAMES = ("fid_digits", "is_digits")


def made_run(
    root: Path, name: str, *overrides: str, fid: Sequence[float] = (30.0, 20.0, 10.0), state: str = "finished",
    reason: str | None = None, protocol: Mapping[str, Any] | None = PROTOCOL, speed: float = 500.0, grids: bool = False,
) -> RunFolder:  # fmt: skip
    """A run that measured these FIDs after 1,000, 2,000, ... images in steps of 100; IS is 10 - FID / 10."""
    cfg = config.compose([*overrides, f"run.name={name}", f"budget.images={1000 * len(fid)}"])
    folder = RunFolder(root / name)
    folder.create(config.to_yaml(cfg))
    for number, value in enumerate(fid, start=1):
        stamp = {"images": 1000 * number, "iteration": 10 * number}
        folder.append_metrics(
            {**stamp, "loss/d": 1.0 / number, "loss/g": float(number), "time/images_per_s": speed}
        )
        folder.append_metrics({**stamp, **{f"eval/{k}": v for k, v in scores(value).items()}})
        if grids:
            save_grid(np.full((4, 1, 8, 8), 10 * number, np.uint8), folder.sample_grid(1000 * number))
    if protocol is not None:
        best = {"fid_digits": min(fid), "is_digits": scores(min(fid))["is_digits"]}
        folder.write_summary(final=scores(fid[-1]), best=best, protocol=dict(protocol))
    folder.write_summary(state=state, reason=reason, images=1000 * len(fid))
    return folder


def selection(last: float, best: float, *, images: int) -> dict[str, Any]:
    """What a run's summary says of its last and best checkpoint."""
    protocol = {**PROTOCOL, "n_fake": 5000, "seed": [1, 2, 3], "images": images}
    entries = {"last": last, "best": best}
    told = {which: {"value": value, "spread": 0.5, "protocol": protocol} for which, value in entries.items()}
    return {"metric": "fid_digits", **told, "seconds": 2.0}


def scores(fid: float) -> dict[str, float]:
    return dict(zip(NAMES, (fid, 10 - fid / 10), strict=True))


def lines(folder: RunFolder) -> list[dict[str, Any]]:
    return [json.loads(line) for line in folder.metrics.read_text().splitlines()]
