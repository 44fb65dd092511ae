"""What the diagnostics cost: their share of a run's time, measured inside the run.

    python -m benchmarks.diagnostics [--images 64000] [key=value ...]

The clock runs around every hook of the callback, with the device waited for before and after, and is compared
with the time of the whole fit; the first tenth of the run warms up and is left out.
"""

import argparse
import json
import platform
import tempfile
import time
from typing import Any

import ganlab  # noqa: F401  before lightning, which imports torchvision

# isort: split
import lightning as L
import torch

from ganlab import config
from ganlab.callbacks import Diagnostics, MetricsLog
from ganlab.parts import build
from ganlab.runs import RunFolder, git_commit
from ganlab.trainer import lightning_options


class Timed(Diagnostics):
    """The diagnostics with a clock.

    Attributes:
        spent: seconds in its own hooks since `started`.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.spent, self.started, self.samplings = 0.0, 0.0, 0

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if not self.started and pl_module.clock.images >= self.budget // 10:
            _synchronise(pl_module.device)
            self.spent, self.samplings, self.started = 0.0, 0, time.perf_counter()
        self._timed(super().on_train_batch_start, trainer, pl_module, batch, batch_idx)

    def on_before_optimizer_step(self, trainer: L.Trainer, pl_module: Any, optimizer: Any) -> None:
        self._timed(super().on_before_optimizer_step, trainer, pl_module, optimizer)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.samplings += self._sampling
        self._timed(super().on_train_batch_end, trainer, pl_module, outputs, batch, batch_idx)

    def _timed(self, hook: Any, trainer: L.Trainer, gan: Any, *rest: Any) -> None:
        if self._sampling:
            _synchronise(gan.device)
        started = time.perf_counter()
        hook(trainer, gan, *rest)
        if self._sampling:
            _synchronise(gan.device)
        self.spent += time.perf_counter() - started


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=64_000)
    parser.add_argument("settings", nargs="*", metavar="key=value")
    arguments = parser.parse_args()
    cfg = config.compose(["evaluation=none", "wandb.mode=disabled", *arguments.settings])
    budget = cfg.budget.images = arguments.images
    parts = build(cfg)
    every = cfg.log.every if cfg.diagnostics.every is None else cfg.diagnostics.every
    watching = Timed(every=every, budget=budget, slopes=cfg.diagnostics.slopes)
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(folder)
        run.create(config.to_yaml(cfg))
        log = MetricsLog(run, every=cfg.log.every, budget=budget)
        L.Trainer(**lightning_options(cfg), logger=False, callbacks=[watching, log]).fit(
            parts.gan, parts.data
        )
        _synchronise(parts.gan.device)
        seconds = time.perf_counter() - watching.started
    device = parts.gan.device
    print(
        json.dumps(
            {
                "settings": arguments.settings,
                "device": torch.cuda.get_device_name() if device.type == "cuda" else platform.machine(),
                "threads": torch.get_num_threads(),
                "commit": git_commit(),
                "images_between_samplings": every,
                "samplings": watching.samplings,
                "seconds": round(seconds, 2),
                "share_of_the_time": round(watching.spent / seconds, 4),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
