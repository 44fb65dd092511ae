"""PacGAN's Table 1: modes covered by a GAN and by packed GANs, on the ring and on the grid.

    python -m benchmarks.pacgan [--epochs 20] [--seeds 3] [--packs 1 2] [--workers 2]
    python -m benchmarks.pacgan --full          # the paper's: 400 epochs, 10 seeds, GAN and PacGAN2 to 4

An epoch is 1,000 steps of 100 packs.  A shortened protocol says whether packing helps, as the difference
between runs of one seed; only the full one can be held against the paper's numbers.  Runs stay below --runs,
and a second call goes on with them.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import (
    ROOT,
    Job,
    fill,
    grouped,
    mean_and_deviation,
    play,
    provenance,
    save,
    source_note,
    table,
)

DATA = ("ring", "grid")
STEPS_PER_EPOCH = 1_000
PACKS_PER_STEP = 100
MEASURES = {
    "modes": ("modes", 1, 2),
    "high_quality": ("high quality, %", 100, 1),
    "reverse_kl": ("reverse KL", 1, 3),
}
FULL = {"epochs": 400, "seeds": 10, "packs": [1, 2, 3, 4]}
# Lin et al. 2018, Table 1: mean and standard error of 10 trials
PAPER = {
    ("ring", 1): ("6.3 ± 0.5", "98.2 ± 0.2", "0.45 ± 0.09"),
    ("ring", 2): ("7.9 ± 0.1", "95.6 ± 2.0", "0.07 ± 0.03"),
    ("ring", 3): ("7.8 ± 0.1", "97.7 ± 0.3", "0.10 ± 0.02"),
    ("ring", 4): ("7.8 ± 0.1", "95.9 ± 1.4", "0.07 ± 0.02"),
    ("grid", 1): ("17.3 ± 0.8", "94.8 ± 0.7", "0.70 ± 0.07"),
    ("grid", 2): ("23.8 ± 0.7", "91.3 ± 0.8", "0.13 ± 0.04"),
    ("grid", 3): ("24.6 ± 0.4", "94.2 ± 0.4", "0.06 ± 0.02"),
    ("grid", 4): ("24.8 ± 0.2", "93.6 ± 0.6", "0.04 ± 0.01"),
}


def jobs(
    *, epochs: int, seeds: int, packs: Sequence[int], steps_per_epoch: int = STEPS_PER_EPOCH
) -> list[Job]:
    """The runs, seed by seed, so that an interrupted benchmark has whole comparisons."""
    made = []
    for seed in range(seeds):
        for data in DATA:
            for pack in packs:
                images = epochs * steps_per_epoch * PACKS_PER_STEP * pack
                words = (
                    f"experiment=pacgan_{data}", f"game.packing={pack}", f"seed={seed}",
                    f"budget.images={images}", f"evaluation.every={images}", f"log.every={max(1, images // 20)}",
                    f"checkpoint.every={max(1, images // 5)}", "checkpoint.keep=1",
                )  # fmt: skip
                row = {"data": data, "packing": pack, "seed": seed}
                made.append(Job(f"{data}-pack{pack}-epochs{epochs}-seed{seed}", words, row))
    return made


def interval(differences: Sequence[float]) -> tuple[float, float]:
    """Mean of paired differences and the half-width of its 95 % interval (Student's t), NaN for one pair."""
    from scipy.stats import t

    mean, deviation = mean_and_deviation(differences)
    n = len(differences)
    return mean, float(t.ppf(0.975, n - 1)) * deviation / math.sqrt(n) if n > 1 else math.nan


def render(results: dict[str, Any]) -> str:
    """Ours, the paired differences to the GAN, and, for the full protocol, the paper's beside them."""
    protocol, rows = results["protocol"], [row for row in results["rows"] if row["final"]]
    full = all(protocol[key] == value for key, value in FULL.items())
    text = [
        _means(rows, full),
        "",
        _differences(rows),
        "",
        _protocol(protocol, full),
        "",
        source_note(results),
    ]
    failed = [f"- {row['name']}: {row['reason']}" for row in results["rows"] if row["reason"]]
    return "\n".join([*text, *(["", *failed] if failed else [])])


def _name(packing: int) -> str:
    return "GAN" if packing == 1 else f"PacGAN{packing}"


def _means(rows: Sequence[dict[str, Any]], full: bool) -> str:
    cells = []
    for (data, packing), runs in grouped(rows, "data", "packing"):
        cell = [data, _name(packing)]
        for position, (key, (_, factor, digits)) in enumerate(MEASURES.items()):
            mean, deviation = mean_and_deviation([factor * run["final"][key] for run in runs])
            ours = f"{mean:.{digits}f} ± {deviation / math.sqrt(len(runs)):.{digits}f}"
            cell.append(f"{ours} (paper: {PAPER[data, packing][position]})" if full else ours)
        cells.append(cell)
    return table(["data", "", *(name for name, _, _ in MEASURES.values())], cells)


def _differences(rows: Sequence[dict[str, Any]]) -> str:
    cells = []
    for (data,), runs in grouped(rows, "data"):
        by_seed = {(run["packing"], run["seed"]): run["final"] for run in runs}
        for packing in sorted({run["packing"] for run in runs} - {1}):
            seeds = [seed for pack, seed in by_seed if pack == packing and (1, seed) in by_seed]
            if not seeds:
                continue
            cell = [data, f"{_name(packing)} - GAN"]
            for key, (_, factor, digits) in MEASURES.items():
                pairs = [by_seed[packing, seed][key] - by_seed[1, seed][key] for seed in seeds]
                mean, half = interval([factor * pair for pair in pairs])
                ends = "" if math.isnan(half) else f" [{mean - half:+.{digits}f}, {mean + half:+.{digits}f}]"
                cell.append(f"{mean:+.{digits}f}{ends}")
            cells.append(cell)
    return table(["data", "difference, 95 % interval", *(name for name, _, _ in MEASURES.values())], cells)


def _protocol(protocol: dict[str, Any], full: bool) -> str:
    scope = (
        "the paper's protocol"
        if full
        else "a shortened protocol, not to be compared with the paper's numbers"
    )
    return (
        f"{protocol['epochs']} epochs of {protocol['steps_per_epoch']:,} steps of {PACKS_PER_STEP} packs,"
        f" {protocol['seeds']} seeds: {scope}. Networks, optimizer and measures are the paper's; 2,500 points;"
        " mean ± standard error; differences between runs of one seed."
    )


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--packs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--steps-per-epoch", type=int, default=STEPS_PER_EPOCH, help="fewer, to try it out")
    parser.add_argument("--full", action="store_true", help="the paper's epochs, seeds and packs")
    parser.add_argument("--workers", type=int, default=2, help="processes; 0: this one")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "bench-pacgan")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "objectives.md")
    arguments = parser.parse_args(words)
    if arguments.full:
        vars(arguments).update(FULL)
    protocol = {key: getattr(arguments, key) for key in ("epochs", "seeds", "packs", "steps_per_epoch")}
    rows = play(jobs(**protocol), arguments.runs, workers=arguments.workers)
    command = f"pacgan --epochs {arguments.epochs} --seeds {arguments.seeds}"
    command += f" --packs {' '.join(map(str, arguments.packs))}"
    origin = provenance(command, workers=arguments.workers)
    results = {"provenance": origin, "protocol": protocol, "rows": rows}
    text = render(results)
    save("pacgan", results, "# Packing on the ring and on the grid\n\n" + text, folder=arguments.results)
    fill(arguments.page, "benchmarks/pacgan", text)
    print(text)


if __name__ == "__main__":
    main()
