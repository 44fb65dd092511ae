"""What W&B costs a training step: the same run with and without it.

    python -m benchmarks.tracking [--rounds 5] [key=value ...]

Inside one process and one ``Trainer.fit``, stretches that tell W&B (offline) what a run tells it and stretches that
tell it nothing take turns: on, off, off, on, so that a drift favours neither.  The ratio of a round is the time of the
first kind over the time of the second.  A stretch is what lies between two evaluations, ``evaluation.every`` images
with all that a run does meanwhile: lines of the log with their diagnostics, a grid of samples, a checkpoint; the
evaluation alone is left out.  Where the ratio is lost in noise, CPU time bounds what tracking can cost: that of the
thread that talks to W&B, busy in half of the stretches, and that of W&B's own process, which lives through all of them.
By default it takes some two minutes on two cores.
"""

import argparse
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ganlab  # noqa: F401  before lightning, which imports torchvision

# isort: split
import lightning as L
import torch

from ganlab import config
from ganlab.callbacks import MetricsLog, SampleGrids
from ganlab.callbacks.clock import OnClock
from ganlab.interruption import Interruption
from ganlab.observers import observers
from ganlab.parts import build
from ganlab.runs import RunFolder, git_commit
from ganlab.tracking import Tracker
from ganlab.trainer import make_trainer


class TakeTurns(OnClock):
    """Gives those that track their tracker for some stretches and takes it away for others: on, off, off, on, ..."""

    def __init__(self, tracking: Sequence[MetricsLog | SampleGrids], *, every: int, budget: int) -> None:
        super().__init__(every=every, budget=budget)
        self.tracking, self._tracker = tracking, tracking[0].tracker
        self.seconds: dict[bool, list[float]] = {True: [], False: []}

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        self._started = time.perf_counter()

    def act(self, trainer: L.Trainer, gan: Any) -> None:
        if gan.device.type == "cuda":
            torch.cuda.synchronize()
        tracked = self.tracking[0].tracker is not None
        self.seconds[tracked].append(time.perf_counter() - self._started)
        turns = sum(map(len, self.seconds.values()))
        for callback in self.tracking:
            callback.tracker = self._tracker if turns % 4 in (0, 3) else None
        self._started = time.perf_counter()


def cpu_seconds() -> dict[str, float]:
    """CPU time so far of the thread that talks to W&B, and of the client's service, a child of this process."""
    thread = next((thread for thread in threading.enumerate() if thread.name == "tracking"), None)
    if thread is None:
        raise SystemExit("W&B has stopped, so there is nothing to measure")
    spent = {
        "thread": float(Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text().split()[0]) / 1e9
    }
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue
        fields = rest.split()
        if name.startswith("wandb-core") and int(fields[1]) == os.getpid():
            ticks += int(fields[11]) + int(fields[12])
    return {**spent, "service": ticks / os.sysconf("SC_CLK_TCK")}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="after a first one to warm up")
    parser.add_argument("settings", nargs="*", metavar="key=value")
    arguments = parser.parse_args()
    cfg = config.compose(["evaluation=none", "wandb.mode=offline", *arguments.settings])
    stretch = cfg.evaluation.every
    cfg.budget.images = 2 * (arguments.rounds + 1) * stretch
    parts = build(cfg)
    with tempfile.TemporaryDirectory() as path:
        folder = RunFolder(path)
        folder.create(config.to_yaml(cfg))
        tracker = Tracker(cfg, folder, directions={})
        time.sleep(10)  # W&B has started
        watching = observers(cfg, parts, folder, Interruption(), tracker)
        tracking = [callback for callback in watching if isinstance(callback, MetricsLog | SampleGrids)]
        turns = TakeTurns(tracking, every=stretch, budget=cfg.budget.images)
        trainer = make_trainer(cfg)
        trainer.callbacks += [*watching, turns]  # type: ignore[attr-defined]
        before, started = cpu_seconds(), time.perf_counter()
        trainer.fit(parts.gan, parts.data)
        wall, after = time.perf_counter() - started, cpu_seconds()
        lines = sum(1 for _ in folder.read_metrics())
        tracker.finish()
    on, off = turns.seconds[True][1:], turns.seconds[False][1:]  # the first round warms up
    ratios = [a / b for a, b in zip(on, off, strict=False)]
    result = {
        "settings": arguments.settings, "commit": git_commit(), "threads": torch.get_num_threads(),
        "device": str(parts.gan.device), "rounds": len(ratios), "images_a_stretch": stretch, "lines": lines,
        "seconds_on": round(statistics.median(on), 4), "seconds_off": round(statistics.median(off), 4),
        "ratio_median": round(statistics.median(ratios), 4),
        "ratio_quartiles": [round(q, 4) for q in statistics.quantiles(ratios, n=4)[::2]],
        **{
            f"{who}_percent_of_a_core": round(100 * (after[who] - spent) / wall, 2)
            for who, spent in before.items()
        },
    }  # fmt: skip
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
