"""Every objective on the digits: one budget, one small grid of settings, three seeds, one table.

    python -m benchmarks.objectives [--steps 2000] [--seeds 3] [--workers 2] [--only hinge wgan ...]

Every run makes the same number of G steps on narrow networks.  Where an objective's recipe has several D steps
to one G step, it sees more real images by then; so its distance is also given where it has seen as many
images as the others.  The learning rate is the one setting tried, the same for both players; the table has
the better of the two by its mean final distance.  Runs stay below --runs, and a second call goes on with them.
"""

import argparse
import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.harness import (
    ROOT,
    Job,
    fill,
    grouped,
    play,
    provenance,
    save,
    source_note,
    spread,
    table,
)

LEARNING_RATES = (2e-4, 1e-3)
BATCH = 64
AUTOENCODERS = ("began", "ebgan", "ebgan_pt")  # two networks in one, and slower: half as wide
EXPERIMENTS = ("r3gan",)
DISTANCE = "fid_digits"


def jobs(names: Sequence[str], *, steps: int, seeds: int) -> list[Job]:
    """The runs, seed by seed, so that an interrupted benchmark has whole comparisons."""
    made = []
    for seed in range(seeds):
        for name in names:
            for lr in LEARNING_RATES:
                made.append(_job(name, lr, seed, steps))
    return made


def _job(name: str, lr: float, seed: int, steps: int) -> Job:
    chosen = f"{'experiment' if name in EXPERIMENTS else 'objective'}={name}"
    d_steps = _d_steps(chosen)
    width = 8 if name in AUTOENCODERS else 16
    words = (
        chosen, f"seed={seed}", f"data.batch_size={BATCH}", "network.latent_dim=32",
        "network.generator.width=16", f"network.discriminator.width={width}",
        f"optimizer.generator.lr={lr}", f"optimizer.discriminator.lr={lr}",
        f"budget.images={steps * BATCH * d_steps}", f"evaluation.every={steps * BATCH}",
        f"log.every={max(BATCH, steps * BATCH * d_steps // 50)}", "checkpoint.keep=1",
    )  # fmt: skip
    row = {"objective": name, "lr": lr, "seed": seed, "d_steps": d_steps}
    return Job(f"{name}-lr{lr:g}-seed{seed}", words, row)


@cache
def _d_steps(chosen: str) -> int:
    from ganlab import compose

    return int(compose([chosen]).game.n_critic)


def summarise(rows: Sequence[dict[str, Any]], *, steps: int) -> list[dict[str, Any]]:
    """One line for each objective, at the better of its settings; sorted by the final distance."""
    from ganlab.evaluation.quality_gate import gate

    settings = []
    for (objective, lr, d_steps), runs in grouped(rows, "objective", "lr", "d_steps"):
        final = [run["final"].get(DISTANCE, math.inf) for run in runs]
        equal_images = [_distance_at(run, steps * BATCH) for run in runs]
        gates = [gate(run["final"]) for run in runs if run["final"]]
        reasons = [run["reason"] for run in runs if run["reason"]]
        reasons += [reason for result in gates for reason in result.reasons]
        settings.append(
            {
                "objective": objective, "lr": lr, "d_steps": d_steps, "mean": sum(final) / len(final),
                "equal_steps": final, "equal_images": equal_images,
                "passed": sum(result.passed for result in gates), "runs": len(runs), "reasons": reasons,
            }
        )  # fmt: skip
    best = [min(tried, key=lambda line: line["mean"]) for _, tried in grouped(settings, "objective")]
    return sorted(best, key=lambda line: line["mean"])


def _distance_at(run: dict[str, Any], images: int) -> float:
    """The distance when D had first seen so many images."""
    seen = [line[f"eval/{DISTANCE}"] for line in run["evaluations"] if line["images"] >= images]
    return seen[0] if seen else math.inf


def render(results: dict[str, Any]) -> str:
    """The table, what did not reach the gate and why, and where the numbers come from."""
    steps = results["protocol"]["g_steps"]
    lines = summarise(results["rows"], steps=steps)
    cells = [
        (
            f"`{line['objective']}`", line["d_steps"], f"{line['lr']:g}", spread(line["equal_images"]),
            spread(line["equal_steps"]), f"{line['passed']} of {line['runs']}",
        )
        for line in lines
    ]  # fmt: skip
    head = (
        "objective", "D steps", "lr", f"FID at {steps * BATCH:,} images", f"FID at {steps:,} G steps",
        "gate",
    )  # fmt: skip
    missed = [line for line in lines if line["passed"] < line["runs"]]
    reasons = [f"- `{line['objective']}`: {_reason(line)}" for line in missed]
    text = [table(head, cells), "", f"FID on the digit classifier's features, {_protocol(results)}"]
    if reasons:
        text += ["", "Not every run of these reached the quality gate:", "", *reasons]
    return "\n".join([*text, "", source_note(results)])


def _reason(line: dict[str, Any]) -> str:
    """The reason that the runs of one objective have in common most often, numbers of the first."""
    kinds: dict[str, list[str]] = {}
    for reason in line["reasons"]:
        kinds.setdefault(reason.split(" is ")[0].split(" has ")[0], []).append(reason)
    return "; ".join(f"{same[0]} ({len(same)} of {line['runs']} runs)" for same in kinds.values())


def _protocol(results: dict[str, Any]) -> str:
    protocol = results["protocol"]
    rates = " and ".join(f"{lr:g}" for lr in protocol["learning_rates"])
    seeds = protocol["seeds"]
    over = f"mean ± standard deviation over {seeds} seeds" if seeds > 1 else "a single seed"
    return (
        f"{protocol['n_fake']} fakes of the averaged G against the training half; {over}"
        f", the better of the learning rates {rates} (chosen on the same"
        f" runs); batches of {BATCH}, G of width 16, D of width 16, autoencoders 8; everything else as the"
        " recipe has it. Energy-based GANs see the images of their first phase besides."
    )


def main(words: Sequence[str] | None = None) -> None:
    from ganlab import config

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=2000, help="G steps of every run")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2, help="processes; 0: this one")
    parser.add_argument("--only", nargs="+", metavar="OBJECTIVE", help="these alone")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "bench-objectives")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "objectives.md")
    arguments = parser.parse_args(words)
    names = arguments.only or [*config.choices()["objective"], *EXPERIMENTS]
    planned = jobs(names, steps=arguments.steps, seeds=arguments.seeds)
    rows = play(planned, arguments.runs, workers=arguments.workers)
    n_fake = config.compose().evaluation.n_fake
    command = f"objectives --steps {arguments.steps} --seeds {arguments.seeds}"
    command += f" --only {' '.join(arguments.only)}" if arguments.only else ""
    results = {
        "provenance": provenance(command, workers=arguments.workers),
        "protocol": {
            "g_steps": arguments.steps, "batch_size": BATCH, "seeds": arguments.seeds, "n_fake": n_fake,
            "learning_rates": LEARNING_RATES,
        },
        "rows": rows,
    }  # fmt: skip
    text = render(results)
    save("objectives", results, "# Every objective on the digits\n\n" + text, folder=arguments.results)
    fill(arguments.page, "benchmarks/objectives", text)
    print(text)


if __name__ == "__main__":
    main()
