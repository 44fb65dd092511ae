"""What W&B costs a training step: the same run with and without it.

    python -m benchmarks.tracking [--rounds 40] [--steps 200] [key=value ...]

Inside one process and one ``Trainer.fit``, stretches of steps that tell W&B (offline) of every line of the log and
stretches that tell it nothing take turns; the ratio of a round is the time of the first over the time of the second.
W&B's own process lives through both; the CPU time it takes, in percent of one core, is given beside the ratio.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import ganlab  # noqa: F401  before lightning, which imports torchvision

# isort: split
import lightning as L
import torch

from ganlab import config
from ganlab.callbacks import MetricsLog
from ganlab.parts import build
from ganlab.runs import RunFolder, git_commit
from ganlab.tracking import Tracker
from ganlab.trainer import make_trainer


class TakeTurns(L.Callback):
    """Gives the log its tracker for one stretch and takes it away for the next."""

    def __init__(self, log: MetricsLog, tracker: Tracker, steps: int) -> None:
        self.log_callback, self.tracker, self.steps = log, tracker, steps
        self.seconds: dict[bool, list[float]] = {True: [], False: []}

    def on_train_start(self, trainer: L.Trainer, gan: Any) -> None:
        self._started = time.perf_counter()

    def on_train_batch_end(self, trainer: L.Trainer, gan: Any, *_: Any) -> None:
        if gan.clock.iteration % self.steps == 0:
            if gan.device.type == "cuda":
                torch.cuda.synchronize()
            now = time.perf_counter()
            tracked = self.log_callback.tracker is not None
            self.seconds[tracked].append(now - self._started)
            self.log_callback.tracker = None if tracked else self.tracker
            self._started = time.perf_counter()


def wandb_cpu_seconds() -> float:
    """CPU time of the client's service, a child of this process."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue
        fields = rest.split()
        if name.startswith("wandb-core") and int(fields[1]) == os.getpid():
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--steps", type=int, default=200, help="iterations in a stretch")
    parser.add_argument("settings", nargs="*", metavar="key=value")
    arguments = parser.parse_args()
    cfg = config.compose(["evaluation=none", "wandb.mode=offline", *arguments.settings])
    cfg.budget.images = 2 * (arguments.rounds + 1) * arguments.steps * cfg.data.batch_size
    parts = build(cfg)
    with tempfile.TemporaryDirectory() as path:
        folder = RunFolder(path)
        folder.create(config.to_yaml(cfg))
        tracker = Tracker(cfg, folder, directions={})
        time.sleep(10)  # W&B has started
        log = MetricsLog(folder, tracker, every=cfg.log.every, budget=cfg.budget.images)
        turns = TakeTurns(log, tracker, arguments.steps)
        trainer = make_trainer(cfg)
        trainer.callbacks += [log, turns]  # type: ignore[attr-defined]
        before, started = wandb_cpu_seconds(), time.perf_counter()
        trainer.fit(parts.gan, parts.data)
        wall, cpu = time.perf_counter() - started, wandb_cpu_seconds() - before
        lines = sum(1 for _ in folder.read_metrics())
        tracker.finish()
    on, off = turns.seconds[True][1:], turns.seconds[False][1:]  # the first round warms up
    ratios = [a / b for a, b in zip(on, off, strict=False)]
    result = {
        "settings": arguments.settings, "commit": git_commit(), "threads": torch.get_num_threads(),
        "device": str(parts.gan.device), "rounds": len(ratios), "steps": arguments.steps, "lines": lines,
        "ms_per_step_on": round(1000 * statistics.median(on) / arguments.steps, 4),
        "ms_per_step_off": round(1000 * statistics.median(off) / arguments.steps, 4),
        "ratio_median": round(statistics.median(ratios), 4),
        "ratio_quartiles": [round(q, 4) for q in statistics.quantiles(ratios, n=4)[::2]],
        "wandb_process_percent_of_a_core": round(100 * cpu / wall, 2),
    }  # fmt: skip
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
