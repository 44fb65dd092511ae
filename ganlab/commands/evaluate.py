"""``ganlab evaluate``: numbers for a trained run, or for two folders of anybody's images."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganlab.commands import Command, UsageError
from ganlab.errors import EvaluationError

if TYPE_CHECKING:
    from ganlab.evaluation import Result


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--samples", type=Path, metavar="DIR", help="a folder or zip of images to measure")
    parser.add_argument("--reference", type=Path, metavar="DIR", help="the images they are compared with")
    parser.add_argument("--metrics", type=_names, metavar="A,B", help="print only these, such as fid,is")
    parser.add_argument("--raw", action="store_true", help="the weights of the last step, not their average")
    parser.add_argument("--device", help="cpu or cuda (default: a GPU if there is one)")


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"must be names with commas between them, got '{text}'")
    return names


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    folders = (arguments.samples, arguments.reference)
    if arguments.subject and any(folders):
        raise UsageError("evaluate takes a run, or --samples and --reference, not both")
    if arguments.subject:
        return _run(arguments)
    if not all(folders):
        raise UsageError("evaluate needs a run, or two folders: --samples DIR --reference DIR")
    if arguments.raw:
        raise UsageError("--raw is about a run's weights; folders hold images")
    return _folders(arguments)


def _run(arguments: argparse.Namespace) -> dict[str, Any]:
    import ganlab

    trained = ganlab.load(arguments.subject)
    result = trained.evaluate(
        arguments.settings, metrics=arguments.metrics, device=arguments.device,
        averaged=not arguments.raw, config_dir=arguments.config_dir,
    )  # fmt: skip
    print(f"{trained.checkpoint}\n{table(result)}")
    return {"run": str(trained.path), "checkpoint": str(trained.checkpoint), **vars(result)}


def _folders(arguments: argparse.Namespace) -> dict[str, Any]:
    from ganlab.evaluation import evaluate_folders

    samples, reference = arguments.samples, arguments.reference
    for folder in (samples, reference):
        if (folder / "config.yaml").is_file() and (folder / "environment.json").is_file():
            raise EvaluationError(f"{folder} is a run, not a folder of images: ganlab evaluate {folder}")
    result = evaluate_folders(
        samples, reference, arguments.settings, metrics=arguments.metrics, device=arguments.device,
        config_dir=arguments.config_dir,
    )  # fmt: skip
    print(f"{samples} against {reference}\n{table(result)}")
    return {"samples": str(samples), "reference": str(reference), **vars(result)}


def table(result: "Result") -> str:
    """Metrics, one on a line, and below them what a reader must know to compare them."""
    width = max(map(len, result.metrics))
    lines = [f"  {name:<{width}}  {value:.6g}" for name, value in result.metrics.items()]
    protocol = result.protocol
    words = [str(protocol[name]) for name in ("extractor",) if name in protocol]
    words += [f"{protocol['n_fake']:,} samples", f"reference {protocol['reference']}"]
    if "weights_averaged" in protocol:
        words.append("averaged weights" if protocol["weights_averaged"] else "raw weights")
        words.append(f"{protocol['images']:,} images seen")
    return "\n".join([*lines, f"  ({', '.join(words)}; --json prints the whole protocol)"])


def examples(arguments: argparse.Namespace) -> str:
    return "\n".join(
        [
            "  ganlab evaluate runs/NAME --metrics fid,is evaluation=inception evaluation.n_fake=10000",
            "  ganlab evaluate runs/NAME/checkpoints/0000240000.ckpt --json",
            "  ganlab evaluate --samples DIR --reference DIR evaluation=inception evaluation.weights=FILE",
            "",
            "A run is measured as it measures itself, unless evaluation=CHOICE or evaluation.KEY=VALUE say else.",
            "Images of unlike sizes are refused, unless data.resolution=R makes them squares of R pixels; grey",
            "against colour too, unless data.channels=1 or 3 converts them.",
        ]
    )


COMMAND = Command("measure a trained run, or two folders", "[RUN] [key=value ...]", options, run, examples)
