"""What the doctor says of runs that are ill on purpose and of runs that are not: the confusion table.

    python -m benchmarks.health [--first-seed 500] [--seeds 3] [--workers 2]

The rules, their thresholds and what makes a run ill were chosen on seeds below 500; the objectives marked as new took
no part in that.
Whether a game went well is decided by what was measured at its end (`healthy_outcome`, stated before any run was
judged).  An ill run counts as found if its rule, or one of those that name the same illness, is among the findings; a
healthy one is left in peace if no rule held.  Runs with ill settings and a healthy outcome, and the other way round, are
listed apart, with what the doctor said of them.

Rules read the logs of the runs as they are today.  Runs stay below --runs, and a second call goes on with them.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.utils import get_class
from scipy.stats import binomtest

from benchmarks.harness import ROOT, Job, fill, grouped, play, provenance, save, source_note, table
from ganlab import compose, config
from ganlab.health import Doctor, Thresholds
from ganlab.runs import RunFolder

LINES = 40  # of each run's log
MODES = {"experiment=ring": 8, "experiment=grid": 25, "experiment=gaussian1d": 1}
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
MOMENTUM = tuple(f"optimizer.{player}.betas=[0.9,0.999]" for player in ("generator", "discriminator"))


def _rates(generator: float, discriminator: float | None = None) -> tuple[str, str]:
    return (
        f"optimizer.generator.lr={generator}",
        f"optimizer.discriminator.lr={discriminator or generator}",
    )


# name: (what it is, the rules that name its illness, its settings, its G steps)
ILL: dict[str, tuple[str, tuple[str, ...], tuple[str, ...], int]] = {
    "lr-minimax": (
        "learning rates x 100", ("divergence",), (*DIGITS, "objective=minimax", *_rates(0.1)), 800,
    ),
    "lr-lsgan": (
        "learning rates x 100", ("divergence",), (*DIGITS, "objective=least_squares", *_rates(0.1)), 800,
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
    "momentum": (
        "no penalty, betas of 0.9", ("discriminator_forgot",),
        ("experiment=ring", "penalty=[]", "data.std=0.05", *MIXTURE, *_rates(1e-3), *MOMENTUM), 800,
    ),
    "few-units": (
        "no penalty, D of 8 units", ("oscillation",),
        ("experiment=ring", "penalty=[]", "data.std=0.05", *MIXTURE, "network.discriminator.hidden=[8]",
         *_rates(2e-3)), 800,
    ),
    "overrun": ("a small critic with a large G step", ("discriminator_blind", "oscillation"), LINE, 800),
    "overflow": (
        "learning rates of 10", ("overflow_near",),
        (*DIGITS, "objective=least_squares", "penalty=[]", *_rates(10.0)), 200,
    ),
}  # fmt: skip
KNOWN = (
    "hinge", "ragan", "rpgan", "f_gan_js", "f_gan_hellinger", "least_squares", "least_squares_pearson", "loss_sensitive",
    "gls_gan",
)  # fmt: skip
NEW = ("f_gan_kl", "f_gan_reverse_kl", "f_gan_pearson")
HEALTHY: dict[str, tuple[tuple[str, ...], int]] = {
    "ring-std-0.05": (("experiment=ring", "data.std=0.05", *MIXTURE), 1600),
    "gaussian1d": (("experiment=gaussian1d", *MIXTURE), 800),
    "default": ((), 800),
    "digits": (DIGITS, 800),
    "digits-wgan_gp": ((*DIGITS, "objective=wgan_gp", *_rates(1e-3)), 800),
    "digits-dragan": ((*DIGITS, "objective=dragan", *_rates(1e-3)), 2400),
    **{f"digits-{name}": ((*DIGITS, f"objective={name}"), 800) for name in KNOWN},
    **{f"digits-{name} (new)": ((*DIGITS, f"objective={name}"), 800) for name in NEW},
}


def healthy_outcome(row: dict[str, Any]) -> bool:
    """Whether a game went well by what was measured at its end; one that did not get there did not.

    On mixtures of the plane seven eighths of the modes and half of the samples near one; on the line a JSD of at most 0.05
    nats; on the digits a distance of at most 250, where these short runs reach 100 to 200 and noise or a single image
    have 900 and more.
    """
    final, modes = row["final"], row["modes"]
    if not final:
        return False
    if modes == 0:
        return bool(final["fid_digits"] <= 250)
    if modes == 1:
        return bool(final["jsd"] <= 0.05)
    return bool(final["modes"] >= 7 / 8 * modes and final["high_quality"] >= 0.5)


def jobs(*, first_seed: int, seeds: int, steps: int | None = None) -> list[Job]:
    """The runs, seed by seed, so that an interrupted benchmark has whole comparisons."""
    made = []
    for seed in range(first_seed, first_seed + seeds):
        for name, (kind, rules, words, own_steps) in ILL.items():
            made.append(_job(name, seed, words, steps or own_steps, {"kind": kind, "rules": rules}))
        for name, (words, own_steps) in HEALTHY.items():
            made.append(_job(name, seed, words, steps or own_steps, {"kind": name, "rules": ()}))
    return made


def _job(name: str, seed: int, words: Sequence[str], steps: int, row: dict[str, Any]) -> Job:
    cfg = compose(list(words))
    shown = cfg.data.batch_size * cfg.game.n_critic
    budget = steps * shown
    settings = (
        *words, f"seed={seed}", f"budget.images={budget}", f"evaluation.every={budget}",
        f"log.every={max(1, steps // LINES) * shown}", "checkpoint.keep=1", "samples.n=16",
    )  # fmt: skip
    modes = next((n for experiment, n in MODES.items() if experiment in words), 0)
    row = {**row, "seed": seed, "modes": modes}
    return Job(f"{name.replace(' (new)', '')}-steps{steps}-seed{seed}", settings, row)


def findings(rows: Sequence[dict[str, Any]], runs: Path) -> list[dict[str, Any]]:
    """The rows with the rules that hold in the log of each run."""
    return [{**row, "found": judge(RunFolder(runs / row["name"])), "evaluations": []} for row in rows]


def judge(folder: RunFolder) -> list[str]:
    """The rules that held at some line of a run's log."""
    cfg = config.load(folder.path / "config.yaml")
    bounded = get_class(cfg.objective._target_).bounded_slope
    doctor = Doctor(Thresholds(), cfg.budget.images, bounded).read(folder.read_metrics())
    return sorted({finding.rule for finding in doctor.findings})


def render(results: dict[str, Any]) -> str:
    """What was found in the ill runs, in the healthy ones, and in those that did not stay healthy."""
    rows, first = results["rows"], results["first_seed"]
    ill = [row for row in rows if row["rules"] and not healthy_outcome(row)]
    healthy = [row for row in rows if not row["rules"] and healthy_outcome(row)]
    odd = [row for row in rows if bool(row["rules"]) == healthy_outcome(row)]
    found, silent = sum(map(_is_found, ill)), sum(not row["found"] for row in healthy)
    text = [
        f"**{found} of {len(ill)}** ill runs found out ({_interval(found, len(ill))}), **{silent} of {len(healthy)}**"
        f" healthy runs left in peace ({_interval(silent, len(healthy))}); seeds {first} to"
        f" {first + results['seeds'] - 1}, 95 % intervals of Clopper and Pearson.",
        "",
        table(("made ill by", "rule", "found", "other rules that held"), [
            (kind, " or ".join(f"`{rule}`" for rule in runs[0]["rules"]),
             f"{sum(map(_is_found, runs))} of {len(runs)}", _others(runs))
            for (kind,), runs in grouped(ill, "kind")
        ]),
        "",
        table(("healthy run", "silent", "rules that held"), [
            (kind, f"{sum(not row['found'] for row in runs)} of {len(runs)}", _others(runs))
            for (kind,), runs in grouped(healthy, "kind")
        ]),
    ]  # fmt: skip
    if odd:
        text += [
            "",
            "Settings and outcome do not agree, so these are in neither table and neither count:",
            "",
        ]
        text += [
            table(
                ("run", "seed", "outcome", "rules that held"),
                [(row["kind"], row["seed"], _outcome(row), _others([{**row, "rules": ()}])) for row in odd],
            )
        ]
    return "\n".join([*text, "", source_note(results)])


def _outcome(row: dict[str, Any]) -> str:
    """In words, with the numbers that decide."""
    numbers = {0: ("fid_digits",), 1: ("jsd",)}.get(row["modes"], ("modes", "high_quality"))
    measured = ", ".join(f"{name} {row['final'][name]:.3g}" for name in numbers if name in row["final"])
    return f"{'healthy' if healthy_outcome(row) else 'not healthy'} ({measured or row['reason']})"


def _interval(k: int, n: int) -> str:
    low, high = binomtest(k, n).proportion_ci(method="exact")
    return f"{low:.0%} to {high:.0%}"


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
    parser.add_argument("--first-seed", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2, help="processes; 0: this one")
    parser.add_argument("--steps", type=int, help="G steps of every run; by default each case's own")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "bench-health")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "health.md")
    arguments = parser.parse_args(words)
    planned = jobs(first_seed=arguments.first_seed, seeds=arguments.seeds, steps=arguments.steps)
    rows = play(planned, arguments.runs, workers=arguments.workers)
    command = f"health --first-seed {arguments.first_seed} --seeds {arguments.seeds}"
    command += f" --steps {arguments.steps}" if arguments.steps else ""
    results = {
        "provenance": provenance(command, workers=arguments.workers),
        "first_seed": arguments.first_seed,
        "seeds": arguments.seeds,
        "rows": findings(rows, arguments.runs),
    }
    text = render(results)
    save("health", results, "# The doctor's confusion table\n\n" + text, folder=arguments.results)
    fill(arguments.page, "benchmarks/health", text)
    print(text)


if __name__ == "__main__":
    main()
