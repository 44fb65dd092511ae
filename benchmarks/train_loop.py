"""ganlab's training loop against a plain PyTorch loop with the same networks, batch and maths.

    python benchmarks/train_loop.py [--rounds 20] [--steps 50] [key=value ...]

Inside one process and one ``Trainer.fit``, stretches of both loops take turns, A B A B ...; the ratio of a
round is the time of the plain stretch over the time of ganlab's beside it, so that a machine whose speed
drifts does not tilt it.  ganlab's side is all that a run does between evaluations: Lightning, the callbacks,
metrics.jsonl.  The maths of both: non-saturating loss, lazy R1, Adam, moving average of G.  The plain loop
leaves memory format and Adam's implementation at PyTorch's defaults, as plain loops do; with --tuned it too
has ganlab's (channels last, fused), and the ratio is what Lightning and the callbacks cost.
"""

import argparse
import copy
import json
import platform
import statistics
import tempfile
import time
from typing import Any

import ganlab  # noqa: F401  before lightning, which imports torchvision

# isort: split
import lightning as L
import torch
from torch.nn.functional import softplus

from ganlab import config
from ganlab.callbacks import MetricsLog
from ganlab.data import to_float
from ganlab.parts import Parts, build
from ganlab.runs import RunFolder, git_commit
from ganlab.trainer import lightning_options


class PlainLoop:
    """What a careful person writes by hand, on copies of the same networks."""

    def __init__(self, parts: Parts, cfg: Any, *, tuned: bool) -> None:
        gan, self.batch_size = parts.gan, cfg.data.batch_size
        self.device = gan.device
        memory_format = torch.channels_last if tuned else torch.contiguous_format
        self.generator = copy.deepcopy(gan.generator).to(memory_format=memory_format)
        self.discriminator = copy.deepcopy(gan.discriminator).to(memory_format=memory_format)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        self.gamma, self.interval = cfg.penalty.r1.gamma, cfg.penalty.r1.interval
        self.latent_dim, self.half_life = cfg.network.latent_dim, cfg.ema.half_life
        options = {
            "lr": cfg.optimizer.generator.lr,
            "betas": tuple(cfg.optimizer.generator.betas),
            "fused": tuned or None,
        }
        self.g_optimizer = torch.optim.Adam(self.generator.parameters(), **options)
        self.d_optimizer = torch.optim.Adam(self.discriminator.parameters(), **options)
        self.images = parts.source.split("train").x.to(self.device)
        self.iteration = 0
        self.losses: list[torch.Tensor] = []

    def step(self) -> None:
        n = self.batch_size
        real = to_float(self.images[torch.randint(len(self.images), (n,), device=self.device)])
        with torch.no_grad():
            fake = self.generator(torch.randn(n, self.latent_dim, device=self.device))
        scores = self.discriminator(torch.cat([real, fake])).value
        d_loss = softplus(-scores[:n]).mean() + softplus(scores[n:]).mean()
        total = d_loss
        if self.iteration % self.interval == 0:
            x = real.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self.discriminator(x).value.sum(), x, create_graph=True)
            total = d_loss + self.interval * self.gamma / 2 * gradient.square().sum((1, 2, 3)).mean()
        self.d_optimizer.zero_grad()
        total.backward()
        self.d_optimizer.step()

        self.discriminator.requires_grad_(False)
        g_loss = softplus(-self.discriminator(self._fake(n)).value).mean()
        self.g_optimizer.zero_grad()
        g_loss.backward()
        self.g_optimizer.step()
        self.discriminator.requires_grad_(True)

        with torch.no_grad():
            decay = 0.5 ** (n / self.half_life)
            torch._foreach_lerp_(
                list(self.average.parameters()), list(self.generator.parameters()), 1 - decay
            )
            for mine, theirs in zip(self.average.buffers(), self.generator.buffers(), strict=True):
                mine.copy_(theirs)
        self.losses += [d_loss.detach(), g_loss.detach()]
        self.iteration += 1

    def _fake(self, n: int) -> torch.Tensor:
        return self.generator(torch.randn(n, self.latent_dim, device=self.device))

    def log(self) -> None:
        torch.stack(self.losses).mean().item()
        self.losses.clear()


class TakeTurns(L.Callback):
    """After every stretch of ganlab's steps, a stretch of the plain loop's."""

    def __init__(self, plain: PlainLoop, steps: int) -> None:
        self.plain, self.steps = plain, steps
        self.ours: list[float] = []
        self.theirs: list[float] = []

    def on_train_start(self, trainer: L.Trainer, gan: Any) -> None:
        self._started = time.perf_counter()

    def on_train_batch_end(self, trainer: L.Trainer, gan: Any, *_: Any) -> None:
        if gan.clock.iteration % self.steps == 0:
            _synchronise(gan.device)
            finished = time.perf_counter()
            self.ours.append(finished - self._started)
            for _ in range(self.steps):
                self.plain.step()
            self.plain.log()
            _synchronise(gan.device)
            self._started = time.perf_counter()
            self.theirs.append(self._started - finished)


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--steps", type=int, default=50, help="iterations in a stretch")
    parser.add_argument("--tuned", action="store_true", help="tune the plain loop like ganlab's")
    parser.add_argument("settings", nargs="*", metavar="key=value")
    arguments = parser.parse_args()
    cfg = config.compose(["evaluation=none", "wandb.mode=disabled", *arguments.settings])
    rounds = arguments.rounds + 1  # the first one warms up
    cfg.budget.images = rounds * arguments.steps * cfg.data.batch_size
    cfg.log.every = arguments.steps * cfg.data.batch_size
    parts = build(cfg)
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(folder)
        run.create(config.to_yaml(cfg))
        log = MetricsLog(run, every=cfg.log.every, budget=cfg.budget.images)
        options = lightning_options(cfg)
        trainer = L.Trainer(**options, logger=False)
        parts.gan.to(trainer.strategy.root_device)
        plain = PlainLoop(parts, cfg, tuned=arguments.tuned)
        turns = TakeTurns(plain, arguments.steps)
        trainer.callbacks += [log, turns]
        trainer.fit(parts.gan, parts.data)
    ours, theirs = turns.ours[1:], turns.theirs[1:]
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    images = arguments.steps * cfg.data.batch_size
    device = parts.gan.device
    print(
        json.dumps(
            {
                "settings": arguments.settings,
                "plain_loop": "tuned" if arguments.tuned else "defaults",
                "device": torch.cuda.get_device_name() if device.type == "cuda" else platform.machine(),
                "threads": torch.get_num_threads(),
                "torch": torch.__version__,
                "commit": git_commit(),
                "rounds": len(ratios),
                "ganlab_images_per_s": round(images / statistics.median(ours), 1),
                "plain_images_per_s": round(images / statistics.median(theirs), 1),
                "ratio_median": round(statistics.median(ratios), 4),
                "ratio_quartiles": [round(q, 4) for q in statistics.quantiles(ratios, n=4)[::2]],
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
