"""What the doctor says of runs that are ill on purpose and of runs that are not: the confusion table.

    python -m benchmarks.health [--seeds 3] [--workers 2]

The thresholds were chosen on seed 0 of other runs; the seeds here start at 100, and the objectives marked as new
were in none of those.  An ill run counts as found if its rule, or one of those that name the same illness, is
among the findings; a healthy one counts as silent if nothing is.  Runs stay below --runs, and a second call goes
on with them.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import ROOT, Job, fill, grouped, play, provenance, save, source_note, table

FIRST_SEED = 100
LINES = 40  # of each run's log
MIXTURE = (
    "network.generator.hidden=[128,128]", "network.discriminator.hidden=[128,128]", "network.latent_dim=8",
    "data.batch_size=128",
)  # fmt: skip
DIGITS = (
    "data.resolution=8", "network.generator.width=16", "network.discriminator.width=16",
    "network.latent_dim=16", "data.batch_size=32", "evaluation.n_fake=100",
)  # fmt: skip
LINE = (
    "experiment=gaussian1d", "objective=wgan", "game.n_critic=1", "constraint.clip.bound=1", "data.std=0.1",
    "data.batch_size=64", "network.generator.hidden=[32]", "network.discriminator.hidden=[4]",
    "network.latent_dim=2", "optimizer.generator.lr=0.005", "optimizer.discriminator.lr=0.0005",
)  # fmt: skip


def _rates(generator: float, discriminator: float | None = None) -> tuple[str, str]:
    return (
        f"optimizer.generator.lr={generator}",
        f"optimizer.discriminator.lr={discriminator or generator}",
    )


# name: (what it is, the rules that name its illness, its settings, its G steps)
ILL: dict[str, tuple[str, tuple[str, ...], tuple[str, ...], int]] = {
    "lr-digits": ("learning rates x 20 to 50", ("divergence",), (*DIGITS, *_rates(0.03)), 800),
    "lr-lsgan": (
        "learning rates x 20 to 50", ("divergence",),
        (*DIGITS, "objective=least_squares", *_rates(0.05)), 800,
    ),
    "won": (
        "50 D steps with minimax", ("discriminator_won",),
        (*DIGITS, "objective=minimax", "penalty=[]", "game.n_critic=50"), 120,
    ),
    "clip-ring": (
        "clipping at 10", ("critic_not_lipschitz",),
        ("experiment=ring", "objective=wgan", "constraint.clip.bound=10", *MIXTURE, *_rates(5e-4)), 800,
    ),
    "clip-grid": (
        "clipping at 10", ("critic_not_lipschitz",),
        ("experiment=grid", "objective=wgan", "constraint.clip.bound=10", *MIXTURE, *_rates(5e-4)), 800,
    ),
    "narrow-digits": (
        "D of width 1", ("discriminator_blind", "oscillation"),
        (*DIGITS, "network.discriminator.width=1"), 800,
    ),
    "narrow-ring": (
        "D of width 1", ("discriminator_blind", "oscillation"),
        ("experiment=ring", *MIXTURE, "network.discriminator.hidden=[1]"), 800,
    ),
    "collapse-grid": (
        "G ten times faster than D", ("mode_collapse",),
        ("experiment=grid", "penalty=[]", *MIXTURE, *_rates(1e-3, 1e-4)), 800,
    ),
    "circles": (
        "no penalty, D of 4 units", ("oscillation", "discriminator_blind"),
        ("experiment=gaussian1d", "penalty=[]", *LINE[4:-2], *_rates(2e-3)), 800,
    ),
    "forgot": ("a small critic with a large G step", ("discriminator_forgot",), LINE, 800),
    "overflow": (
        "learning rates of 10", ("overflow_near",),
        (*DIGITS, "objective=least_squares", "penalty=[]", *_rates(10.0)), 200,
    ),
}  # fmt: skip
NEW = ("ragan", "dragan", "f_gan_js", "least_squares_pearson", "loss_sensitive")
HEALTHY: dict[str, tuple[str, ...]] = {
    "ring": ("experiment=ring", *MIXTURE),
    "ring-wgan_gp": ("experiment=ring", "objective=wgan_gp", *MIXTURE),
    "gaussian1d": ("experiment=gaussian1d", *MIXTURE),
    "digits": DIGITS,
    "digits-hinge": (*DIGITS, "objective=hinge"),
    **{f"digits-{name} (new)": (*DIGITS, f"objective={name}") for name in NEW},
}


def jobs(*, seeds: int, steps: int | None = None) -> list[Job]:
    """The runs, seed by seed, so that an interrupted benchmark has whole comparisons."""
    made = []
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        for name, (kind, rules, words, own_steps) in ILL.items():
            made.append(_job(name, seed, words, steps or own_steps, {"kind": kind, "rules": rules}))
        for name, words in HEALTHY.items():
            made.append(_job(name, seed, words, steps or 800, {"kind": name, "rules": ()}))
    return made


def _job(name: str, seed: int, words: Sequence[str], steps: int, row: dict[str, Any]) -> Job:
    from ganlab import compose

    cfg = compose(list(words))
    shown = cfg.data.batch_size * cfg.game.n_critic
    budget = steps * shown
    settings = (
        *words, f"seed={seed}", f"budget.images={budget}", f"evaluation.every={budget}",
        f"log.every={max(1, steps // LINES) * shown}", "checkpoint.keep=1", "samples.n=16",
    )  # fmt: skip
    return Job(f"{name.replace(' (new)', '')}-steps{steps}-seed{seed}", settings, {**row, "seed": seed})


def findings(rows: Sequence[dict[str, Any]], runs: Path) -> list[dict[str, Any]]:
    """The rows with the rules that were found in each run."""
    from ganlab.runs import RunFolder

    found = []
    for row in rows:
        health = RunFolder(runs / row["name"]).read_summary().get("health", [])
        found.append({**row, "found": sorted({finding["rule"] for finding in health}), "evaluations": []})
    return found


def render(results: dict[str, Any]) -> str:
    """Two tables: what was found in the ill runs, and in the healthy ones."""
    rows = results["rows"]
    ill = [row for row in rows if row["rules"]]
    healthy = [row for row in rows if not row["rules"]]
    found = sum(_is_found(row) for row in ill)
    silent = sum(not row["found"] for row in healthy)
    first = [
        (kind, " or ".join(f"`{rule}`" for rule in runs[0]["rules"]),
         f"{sum(map(_is_found, runs))} of {len(runs)}", _others(runs))
        for (kind,), runs in grouped(ill, "kind")
    ]  # fmt: skip
    second = [
        (kind, f"{sum(not row['found'] for row in runs)} of {len(runs)}", _others(runs))
        for (kind,), runs in grouped(healthy, "kind")
    ]
    return "\n".join(
        [
            f"**{found} of {len(ill)}** ill runs found out, **{silent} of {len(healthy)}** healthy runs left in"
            f" peace; {results['seeds']} seeds from {FIRST_SEED} on.",
            "",
            table(("made ill by", "rule", "found", "other rules that held"), first),
            "",
            table(("healthy run", "silent", "rules that held"), second),
            "",
            source_note(results),
        ]
    )


def _is_found(row: dict[str, Any]) -> bool:
    return bool(set(row["rules"]) & set(row["found"]))


def _others(runs: Sequence[dict[str, Any]]) -> str:
    """The rules besides the expected ones, with the number of runs in which each held."""
    counts: dict[str, int] = {}
    for row in runs:
        for rule in set(row["found"]) - set(row["rules"]):
            counts[rule] = counts.get(rule, 0) + 1
    return ", ".join(f"`{rule}` {n}" for rule, n in sorted(counts.items())) or "–"


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2, help="processes; 0: this one")
    parser.add_argument("--steps", type=int, help="G steps of every run; by default each case's own")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "bench-health")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "health.md")
    arguments = parser.parse_args(words)
    rows = play(jobs(seeds=arguments.seeds, steps=arguments.steps), arguments.runs, workers=arguments.workers)
    command = f"health --seeds {arguments.seeds}"
    command += f" --steps {arguments.steps}" if arguments.steps else ""
    results = {
        "provenance": provenance(command, workers=arguments.workers),
        "seeds": arguments.seeds,
        "rows": findings(rows, arguments.runs),
    }
    text = render(results)
    save("health", results, "# The doctor's confusion table\n\n" + text, folder=arguments.results)
    fill(arguments.page, "benchmarks/health", text)
    print(text)


if __name__ == "__main__":
    main()
