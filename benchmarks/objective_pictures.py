"""A picture of every objective's game for docs/objectives.md: the ring, where G's samples are, and what D says.

    python -m benchmarks.objective_pictures [--steps 2000] [--only hinge wgan ...] [--out docs/images/objectives]

The same networks, batch and number of G steps for all; the rest as the recipe has it.  Runs stay below --runs,
and a second call draws them again without training.
"""

import argparse
import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

import ganlab

# isort: split
import torch
from matplotlib.figure import Figure

from benchmarks.harness import ROOT, fill, table
from ganlab import config
from ganlab.illustrations import save
from ganlab.run import Run, load

COMMON = (
    "experiment=ring", "data.std=0.05", "network.generator.hidden=[128,128]", "network.latent_dim=4",
    "data.batch_size=128", "evaluation=mixture", "wandb.mode=disabled", "trainer=cpu", "checkpoint.keep=1",
    "ema.half_life=20000",
)  # fmt: skip
HIDDEN = "network.discriminator.hidden=[128,128]"
LATTICE = 80


def train(name: str, *, steps: int, runs: Path) -> Run:
    """The run of one objective, or what it left behind."""
    folder = runs / f"{name}-{steps}"
    if not (folder / "curve.png").is_file():
        words = [*COMMON, f"objective={name}", HIDDEN, f"run.root={runs}", f"run.name={folder.name}"]
        cfg = ganlab.compose(words)
        images = steps * cfg.data.batch_size * cfg.game.n_critic
        cfg.budget.images, cfg.evaluation.every, cfg.log.every = images, images, max(1, images // 40)
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
            ganlab.train(cfg)
    return load(folder)


def draw(run: Run, name: str) -> Figure:
    """D's values as colour, the data in grey, 500 samples of the averaged G in red."""
    cfg = run.config
    source = config.instantiate(cfg.data, "data")
    objective = config.instantiate(cfg.objective, "objective")
    ticks = torch.linspace(-1.5, 1.5, LATTICE)
    lattice = torch.cartesian_prod(ticks, ticks)
    with torch.no_grad():
        values = objective.output(run.discriminator()(lattice).value).view(LATTICE, LATTICE).T
    figure = Figure(figsize=(3.4, 3.4), layout="constrained")
    axes = figure.add_subplot()
    drawn = axes.pcolormesh(ticks.numpy(), ticks.numpy(), values.numpy(), cmap="viridis")
    figure.colorbar(drawn, ax=axes, shrink=0.8)
    axes.scatter(*source.split("train").x[:1000].T.numpy(), s=2, color="white", alpha=0.5)
    axes.scatter(*run.sample(500).T.numpy(), s=3, color="red")
    modes = run.summary["final"]["modes"]
    axes.set(aspect="equal", xticks=[], yticks=[], xlim=(-1.5, 1.5), ylim=(-1.5, 1.5))
    axes.set_title(f"{name}: {modes:.0f} of 8 modes", fontsize=10)
    return figure


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=2000, help="G steps of every run")
    parser.add_argument("--only", nargs="+", metavar="OBJECTIVE")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "objective-pictures")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "objectives")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "objectives.md")
    arguments = parser.parse_args(words)
    rows = []
    for name in arguments.only or config.choices()["objective"]:
        run = train(name, steps=arguments.steps, runs=arguments.runs)
        save(draw(run, name), arguments.out / f"{name}.png")
        rules = sorted({finding["rule"] for finding in run.summary["health"]})
        modes = f"{run.summary['final']['modes']:.0f} of 8"
        rows.append([f"`{name}`", modes, ", ".join(f"`{rule}`" for rule in rules) or "healthy"])
        if arguments.page.is_file():
            text = f"{arguments.steps:,} G steps each, seed 0.\n\n" + table(
                ["objective", "modes", "game"], rows
            )
            fill(arguments.page, "benchmarks/objective_pictures", text)
        print(name, run.summary["final"], *rules, flush=True)


if __name__ == "__main__":
    main()
