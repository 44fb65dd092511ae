"""``ganlab stats``: mean and covariance of a data set's features, in a file that other tools read."""

import argparse
from pathlib import Path
from typing import Any

from ganlab.commands import Command, UsageError


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, metavar="FILE.npz", help="where to write mu and sigma")
    parser.add_argument("--device", help="cpu or cuda (default: a GPU if there is one)")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.out is None:
        raise UsageError("stats needs --out FILE.npz")
    if arguments.out.suffix != ".npz":
        raise UsageError(f"--out must be the name of an .npz file, got '{arguments.out}'")
    if not arguments.subject and not any(word.startswith("data=") for word in arguments.settings):
        raise UsageError("stats needs images: ganlab stats DIR --out ref.npz, or data=cifar10")
    from ganlab.countdown import Countdown
    from ganlab.evaluation import ImageEvaluation, usable_device
    from ganlab.evaluation.folders import prepare
    from ganlab.evaluation.statistics import write_statistics

    measured = prepare(None, arguments.subject, arguments.settings, arguments.config_dir)
    evaluation = measured.evaluation
    if not isinstance(evaluation, ImageEvaluation):
        raise UsageError("statistics are of images in the features of an extractor: evaluation=inception")
    countdown = Countdown()
    try:
        reference = evaluation.keep_reference(device=usable_device(arguments.device), tick=countdown)
    finally:
        countdown.close()
    protocol = evaluation.protocol
    about = {
        name: protocol[name] for name in ("extractor", "weights_sha256", "reference", "reference_sha256")
    }
    write_statistics(
        arguments.out, reference.moments, about={key: str(value) for key, value in about.items()}
    )
    moments = reference.moments
    print(
        f"{moments.n:,} images of {about['reference']} in {len(moments.mean)} features of {about['extractor']}"
    )
    print(f"{arguments.out}: mu, sigma")
    return {"out": str(arguments.out), "n": moments.n, "features": len(moments.mean), **about}


def examples(arguments: argparse.Namespace) -> str:
    return "\n".join(
        [
            "  ganlab stats DIR --out ref.npz                         Inception's features, as for fid",
            "  ganlab stats data=cifar10 --out ref.npz extractor=efficientnet-lite0",
            "  ganlab evaluate SAMPLES --reference ref.npz            whoever wrote mu and sigma",
        ]
    )


COMMAND = Command("write reference statistics", "[DIR|ZIP|FILE] [key=value ...]", options, run, examples)
