"""What a report of many runs costs: seconds, memory and the size of the page.

    python -m benchmarks.report                      # 200 runs x 1,000 points, then 50 runs
    python -m benchmarks.report --runs 20 --points 100

Makes run folders of the size that real runs have (ten losses x seeds, an evaluation every twentieth line, nine
sample grids of 64 colour images of 32 pixels), then times ``ganlab report`` in a process of its own.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from ganlab import config
from ganlab.images import save_grid
from ganlab.runs import RunFolder

LOSSES = (
    "non_saturating", "minimax", "least_squares", "hinge", "wgan", "wgan_gp", "ragan", "rpgan", "dragan", "f_gan_kl",
)  # fmt: skip
IMAGES_A_POINT = 2_000
# What a line of a default run has.
LOGGED = (
    "loss/d", "loss/g", "score/real", "score/fake", "penalty/r1", "gradient/d", "gradient/g", "update/d", "update/g",
    "weights/d", "weights/g",
    "gradient/signal", "ema/distance", "game/accuracy", "game/accuracy_past", "game/forgotten", "diversity/samples", "diversity/kinds", "diversity/shift",
    "diversity/duplicates", "diversity/features", "slope/real", "slope/fake", "slope/between", "slope/steepest",
    "estimate/jsd",
)  # fmt: skip
_SHARES = ("eval/precision", "eval/recall", "eval/density", "eval/coverage")


def make_runs(root: Path, *, runs: int, points: int, grids: int = 9) -> None:
    """Write run folders that look trained; the same every time."""
    configs = {loss: config.compose([f"objective={loss}"]) for loss in LOSSES}
    rng = np.random.default_rng(0)
    for number in range(runs):
        loss, seed = LOSSES[number % len(LOSSES)], number // len(LOSSES)
        cfg = configs[loss].copy()
        cfg.seed, cfg.run.name, cfg.budget.images = seed, f"{loss}-{seed}", points * IMAGES_A_POINT
        folder = RunFolder(root / cfg.run.name)
        folder.create(config.to_yaml(cfg))
        lines = list(_lines(points, rng, level=20 + 3 * (number % len(LOSSES))))
        folder.metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
        last = {
            key.removeprefix("eval/"): value for key, value in lines[-1].items() if key.startswith("eval/")
        }
        protocol = {
            "extractor": "inception-v3-compat",
            "n_fake": 50_000,
            "reference": "cifar10/train",
            "seed": 0,
        }
        folder.write_summary(
            state="finished",
            reason=None,
            images=lines[-1]["images"],
            final=last,
            best=last,
            protocol=protocol,
        )
        for grid in range(grids):
            images = points * IMAGES_A_POINT * (grid + 1) // grids
            save_grid(_blobs(rng), folder.sample_grid(images))


def _lines(points: int, rng: np.random.Generator, *, level: float) -> list[dict[str, float]]:
    lines: list[dict[str, float]] = []
    noise = rng.normal(size=(points, len(LOGGED)))
    for i in range(points):
        stamp = {"images": (i + 1) * IMAGES_A_POINT, "iteration": (i + 1) * IMAGES_A_POINT // 64}
        values = dict(zip(LOGGED, noise[i].tolist(), strict=True))
        lines.append({**stamp, **values, "time/images_per_s": 900 + 50 * noise[i, 0], "time/devices": 1})
        if i % 20 == 19:
            fid = level + 300 / (1 + i) + abs(noise[i, 1])
            shares = dict(zip(_SHARES, (0.5 + noise[i, : len(_SHARES)] / 50).tolist(), strict=True))
            lines.append(
                {**stamp, "eval/fid": fid, "eval/is": 9 - fid / 40, "eval/kid": fid / 1000, **shares}
            )
    return lines


def _blobs(rng: np.random.Generator) -> np.ndarray:
    """(64, 3, 32, 32) uint8 images that compress about as photographs do."""
    coarse = rng.integers(0, 256, (64, 3, 8, 8)).repeat(4, 2).repeat(4, 3)
    return np.clip(coarse + rng.normal(0, 8, (64, 3, 32, 32)), 0, 255).astype(np.uint8)


def measure(root: Path) -> dict[str, float]:
    """Seconds, those of the processor, peak resident memory in MB and page in MB of one ``ganlab report``."""
    page = root.parent / "report.html"
    started = time.perf_counter()
    command = [sys.executable, "-m", "ganlab", "report", str(root), "--out", str(page)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return {
        "seconds": round(time.perf_counter() - started, 2),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
        "memory_mb": round(used.ru_maxrss / 1024),
        "page_mb": round(page.stat().st_size / 1e6, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, nargs="+", default=[200, 50])
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--keep", type=Path, help="make the runs and the page here and leave them")
    arguments = parser.parse_args()
    for runs in arguments.runs:
        with tempfile.TemporaryDirectory() as temporary:
            root = (arguments.keep or Path(temporary)) / f"runs-{runs}"
            make_runs(root, runs=runs, points=arguments.points)
            print(
                json.dumps(
                    {"runs": runs, "points": arguments.points, "cpus": os.cpu_count(), **measure(root)}
                )
            )


if __name__ == "__main__":
    main()
