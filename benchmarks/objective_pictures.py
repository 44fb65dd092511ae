"""A picture of every objective's game for docs/objectives.md: the ring, where G's samples are, and what D says.

    python -m benchmarks.objective_pictures [--only hinge wgan ...] [--out docs/images/objectives]

The same networks and batch for all; the rest as the recipe has it, but for what `GAMES` changes so that the game is `won`:
recipes are made for images.  Runs stay below --runs, and a second call draws them again without training.
"""

import argparse
import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import ganlab

# isort: split
import torch
from matplotlib.figure import Figure

from benchmarks.harness import ROOT
from ganlab import config
from ganlab.illustrations import save
from ganlab.objectives import Minimax, Objective
from ganlab.run import Run, load

COMMON = (
    "experiment=ring", "data.std=0.05", "network.generator.hidden=[128,128]", "network.latent_dim=4",
    "data.batch_size=128", "evaluation=mixture", "wandb.mode=disabled", "trainer=cpu", "checkpoint.keep=1",
    "ema.half_life=20000",
)  # fmt: skip
HIDDEN = "network.discriminator.hidden=[128,128]"
LATTICE = 80


@dataclass(frozen=True)
class Game:
    """What an objective is played with on the ring, beside its recipe.

    Attributes:
        words: settings.
        steps: of G.
    """

    words: tuple[str, ...] = ()
    steps: int = 2000


_FAST = ("optimizer.generator.lr=0.001", "optimizer.discriminator.lr=0.001")
GAMES: Mapping[str, Game] = {
    # A penalty of weight 10 keeps D too flat for modes 0.05 wide; WGAN-GP's authors have 0.1 for toys (their gan_toy.py).
    "wgan_gp": Game((*_FAST, "penalty.gradient_penalty.weight=0.1"), 1500),
    "gls_gan": Game(("penalty.gradient_penalty.weight=0.1",)),
    "dragan": Game((*_FAST, "penalty.dragan.weight=0.1")),
    "wgan": Game((*_FAST, "constraint.clip.bound=0.1")),
    "hinge": Game(steps=3000),
    # Not won by any of six tries with gamma from 0.9 to 1: at the recipe's 0.5 k stays at 0; a code of 1 cannot copy points.
    "began": Game(
        (
            "optimizer.generator.lr=0.0003",
            "optimizer.discriminator.lr=0.001",
            "objective.gamma=1.0",
            "objective.lambda_k=0.1",
            "objective.patience=0",
            "network.discriminator.code_dim=1",
        ),
        1500,
    ),
}


def won(final: Mapping[str, float]) -> bool:
    """All modes, none far more often than another, and most samples within three standard deviations of one."""
    return final["modes"] == 8 and final["reverse_kl"] < 0.1 and final["high_quality"] > 0.7


def is_trained(name: str, *, steps: int, runs: Path) -> bool:
    folder = runs / f"{name}-{steps}"
    return (folder / "summary.json").is_file() and load(folder).summary["state"] == "finished"


def train(name: str, *, steps: int, runs: Path) -> Run:
    """The run of one objective, or what it left behind."""
    folder = runs / f"{name}-{steps}"
    if not is_trained(name, steps=steps, runs=runs):
        changed = GAMES.get(name, Game()).words
        words = [
            *COMMON,
            f"objective={name}",
            HIDDEN,
            *changed,
            f"run.root={runs}",
            f"run.name={folder.name}",
        ]
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
    figure = Figure(figsize=(3.8, 3.4), layout="constrained")
    axes = figure.add_subplot()
    drawn = axes.pcolormesh(ticks.numpy(), ticks.numpy(), values.numpy(), cmap="viridis")
    figure.colorbar(drawn, ax=axes, shrink=0.8, label=what_d_says(objective))
    axes.scatter(*source.split("train").x[:1000].T.numpy(), s=2, color="white", alpha=0.5)
    axes.scatter(*run.sample(500).T.numpy(), s=3, color="red")
    axes.set(aspect="equal", xticks=[], yticks=[], xlim=(-1.5, 1.5), ylim=(-1.5, 1.5))
    figure.suptitle(
        f"{name}: {100 * run.summary['final']['high_quality']:.0f} % of high quality", fontsize=10
    )
    return figure


def what_d_says(objective: Objective) -> str:
    """The name of `Objective.output`, for the colour bar."""
    if objective.critic == "autoencoder":
        return "D: energy, low for the data"
    return "D: probability" if isinstance(objective, Minimax) else "D: score, high for the data"


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, help="G steps of every run (default: the game's own)")
    parser.add_argument("--only", nargs="+", metavar="OBJECTIVE")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "objective-pictures")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "objectives")
    arguments = parser.parse_args(words)
    for name in arguments.only or config.choices()["objective"]:
        run = train(name, steps=arguments.steps or GAMES.get(name, Game()).steps, runs=arguments.runs)
        save(draw(run, name), arguments.out / f"{name}.png")
        final = run.summary["final"]
        rules = sorted({finding["rule"] for finding in run.summary["health"]})
        print(name, "won" if won(final) else "not won", final, *rules, flush=True)


if __name__ == "__main__":
    main()
