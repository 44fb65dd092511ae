"""``ganlab sample``: pictures from a trained run."""

import argparse
from pathlib import Path
from typing import Any

from ganlab.commands import Command, UsageError, count, positive
from ganlab.errors import GanlabError


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", type=count, default=64, help="number of samples (default: 64)")
    parser.add_argument(
        "--out", type=Path, default=Path("samples.png"), help="PATH.png for one picture, or a folder"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="the same seed draws the same samples (default: 0)"
    )
    parser.add_argument("--truncation", type=positive, metavar="T", help="keep |z| below T: less variety")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    subject, out = arguments.subject, arguments.out
    if not subject:
        raise UsageError("sample needs a run: ganlab sample RUN")
    if arguments.settings:
        raise UsageError(f"sample takes no settings, got '{arguments.settings[0]}'")
    as_folder = out.is_dir() or not out.suffix
    if not as_folder and out.suffix.lower() != ".png":
        raise UsageError(f"--out must end in .png or be a folder, got '{out}'")
    import ganlab
    from ganlab.config import instantiate
    from ganlab.figures import draw_samples
    from ganlab.images import save_folder

    trained = ganlab.load(subject)
    samples = trained.sample(arguments.n, seed=arguments.seed, truncation=arguments.truncation)
    if not as_folder:
        draw_samples(samples, instantiate(trained.config.data, "data"), out)
    elif samples.dim() == 4:
        save_folder(samples.numpy(), out)
    else:
        raise GanlabError(f"the run {subject} draws points, not images; give --out the name of one PNG")
    print(f"{arguments.n} samples of {trained.checkpoint}: {out}")
    return {"out": str(out), "n": arguments.n, "seed": arguments.seed, "checkpoint": str(trained.checkpoint)}


COMMAND = Command("draw samples from a trained run", "RUN", options, run)
