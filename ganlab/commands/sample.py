"""``ganlab sample``: pictures from a trained run."""

import argparse
from pathlib import Path
from typing import Any

from ganlab.commands import Command, UsageError


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", type=_positive, default=64, help="number of images (default: 64)")
    parser.add_argument("--out", type=Path, default=Path("samples.png"), help="a PNG for a grid, or a folder")
    parser.add_argument(
        "--seed", type=int, default=0, help="the same seed draws the same images (default: 0)"
    )
    parser.add_argument(
        "--truncation", type=_fraction, default=1.0, metavar="T", help="scale of z, above 0 to 1"
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got '{text}'")
    return int(text)


def _fraction(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most 1, got '{text}'")
    return value


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    if not arguments.subject:
        raise UsageError("sample needs a run: ganlab sample RUN")
    if arguments.settings:
        raise UsageError(f"sample takes no settings, got '{arguments.settings[0]}'")
    if arguments.out.suffix.lower() not in ("", ".png"):
        raise UsageError(f"--out must end in .png or be a folder, got '{arguments.out}'")
    import ganlab
    from ganlab import images

    samples = ganlab.load(arguments.subject).sample(
        arguments.n, seed=arguments.seed, truncation=arguments.truncation
    )
    to_folder = arguments.out.is_dir() or not arguments.out.suffix
    (images.save_folder if to_folder else images.save_grid)(samples, arguments.out)
    print(f"{arguments.n} samples: {arguments.out}")
    return {"n": arguments.n, "out": str(arguments.out), "seed": arguments.seed}


COMMAND = Command("draw samples from a trained run", "RUN", options, run)
