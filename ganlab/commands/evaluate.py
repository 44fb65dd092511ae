"""``ganlab evaluate``: numbers for a trained run, for anybody's images, for anybody's generator."""

import argparse
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganlab import launch
from ganlab.commands import Command, UsageError, count, names, positive
from ganlab.errors import EvaluationError

if TYPE_CHECKING:
    from ganlab.evaluation import Result

_IMAGES = (".zip", ".npy", ".npz")


def options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--samples", type=Path, metavar="PATH", help="images to measure, if they are not the subject")
    add(
        "--reference",
        type=Path,
        metavar="PATH",
        help="images they are compared with, or an .npz of statistics",
    )
    add("--metrics", type=names, metavar="A,B", help="measure only these, such as fid,is,kid,prc")
    add("--n", type=int, metavar="N", help="samples to measure (evaluation.n_fake)")
    add("--seeds", type=count, metavar="K", help="mean ± standard deviation over K sampling seeds")
    add(
        "--compare",
        action="append",
        default=[],
        metavar="OTHER",
        help="rank with OTHER, a run or a saved --json",
    )
    add("--pairs", type=Path, metavar="PNG", help="picture of the samples closest to training images")
    add("--raw", action="store_true", help="the weights of the last step, not their average")
    add("--truncation", type=positive, metavar="T", help="keep |z| below T: less variety")
    add(
        "--batch-norm",
        default="running",
        metavar="STATISTICS",
        help="running (default), batch, or standing:N",
    )
    add("--device", help="cpu or cuda (default: a GPU if there is one)")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.n is not None:
        arguments.settings.append(f"evaluation.n_fake={arguments.n}")
    subject = arguments.subject
    if subject and arguments.samples:
        raise UsageError("evaluate takes a run, or --samples and --reference, not both")
    if not subject and not arguments.samples and not _generator(arguments.settings):
        raise UsageError("evaluate needs a run, or two folders: --samples DIR --reference DIR")
    if arguments.pairs and (arguments.pairs.suffix != ".png" or (subject and subject.endswith(".json"))):
        raise UsageError(f"--pairs takes the name of a .png, and something to draw, got {arguments.pairs}")
    if launch.allocation() is None:
        return _evaluate(arguments)
    from ganlab.trainer import together

    with together(arguments.device), redirect_stdout(None if launch.rank() else sys.stdout):
        return _evaluate(arguments)


def _evaluate(arguments: argparse.Namespace) -> dict[str, Any]:
    found = _measured(arguments.subject or arguments.samples, arguments)
    if not arguments.compare:
        print(found.pop("said"))
        return found
    everything = {found["name"]: found}
    others = argparse.Namespace(**{**vars(arguments), "pairs": None})
    for other in arguments.compare:
        compared = _measured(other, others)
        if compared["name"] in everything:
            raise UsageError(f"{compared['name']} is to be compared with itself")
        everything[compared["name"]] = compared
    return _ranked(everything, found)


def _measured(subject: str | Path | None, arguments: argparse.Namespace) -> dict[str, Any]:
    """The numbers of one subject, whatever it is, with its name and what to print."""
    from ganlab.countdown import Countdown

    path, countdown = Path(subject or ""), Countdown()
    arguments.tick = None if launch.rank() else countdown
    try:
        if subject is None:
            return _of_generator(arguments)
        if path.suffix == ".json":
            return _saved(path)
        is_run = (path / "config.yaml").is_file() and (path / "environment.json").is_file()
        if arguments.samples is None and (is_run or not (path.is_dir() or path.suffix in _IMAGES)):
            return _of_run(path, arguments)
        if is_run:
            raise EvaluationError(f"{path} is a run, not a folder of images: ganlab evaluate {path}")
        return _of_images(path, arguments)
    finally:
        countdown.close()


def _metrics(arguments: argparse.Namespace) -> list[str] | None:
    """Those that are asked for, and what finds the pairs of a picture."""
    return [*(arguments.metrics or ["standard"]), "memorisation"] if arguments.pairs else arguments.metrics


def _found(
    name: str, head: str, result: "Result", arguments: argparse.Namespace, **more: str
) -> dict[str, Any]:
    """What is printed of a result, as JSON and in words; its picture is drawn."""
    from ganlab.evaluation.words import table

    said = f"{head}\n{table(result)}"
    if arguments.pairs:
        from ganlab.images import save_grid

        assert result.pairs is not None
        if launch.rank() == 0:
            save_grid(result.pairs().flatten(0, 1).numpy(), arguments.pairs)
        said += f"\n  {arguments.pairs}: each sample beside the training image closest to it"
    return {"name": name, "said": said, **more, **result.to_json()}


def _of_run(path: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    import ganlab

    trained = ganlab.load(path)
    if arguments.reference is not None:
        raise UsageError(
            "a run is measured against its own data; evaluation.reference=FILE.npz takes statistics"
        )
    result = trained.evaluate(
        arguments.settings, metrics=_metrics(arguments), averaged=not arguments.raw, **_drawn(arguments)
    )
    checkpoint = str(trained.checkpoint)
    return _found(str(path), checkpoint, result, arguments, run=str(trained.path), checkpoint=checkpoint)


def _of_images(path: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    from ganlab.evaluation import evaluate_folders

    if arguments.raw or arguments.seeds or arguments.truncation or arguments.batch_norm != "running":
        name = "--raw" if arguments.raw else "--seeds" if arguments.seeds else "--truncation, --batch-norm"
        raise UsageError(f"{name} is about a run's weights and draws; folders hold images")
    reference = arguments.reference
    if reference is None and not any(word.startswith("data=") for word in arguments.settings):
        raise UsageError(
            "images need something to be compared with, two folders: --samples DIR --reference DIR"
        )
    if reference is not None and (reference / "config.yaml").is_file():
        raise EvaluationError(f"{reference} is a run, not a folder of images: ganlab evaluate {reference}")
    result = evaluate_folders(
        path, reference, arguments.settings, metrics=_metrics(arguments), device=arguments.device,
        config_dir=arguments.config_dir, tick=arguments.tick,
    )  # fmt: skip
    against = str(reference) if reference is not None else str(result.protocol["reference"])
    head = f"{path} against {against}"
    return _found(str(path), head, result, arguments, samples=str(path), reference=against)


def _of_generator(arguments: argparse.Namespace) -> dict[str, Any]:
    from omegaconf import OmegaConf

    from ganlab import config
    from ganlab.config.values import parse, split_word
    from ganlab.generators import evaluate_generator

    words = _generator(arguments.settings)
    mapping = {key.removeprefix("generator."): parse(value) for key, value in map(split_word, words)}
    if "_target_" not in mapping:
        raise UsageError("generator.KEY=VALUE needs generator._target_=CLASS, what makes the generator")
    target = mapping["_target_"]
    generator = config.instantiate(OmegaConf.create({"generator": mapping}).generator, "generator")
    settings = [word for word in arguments.settings if word not in words]
    if arguments.reference is None and not any(word.startswith("data=") for word in settings):
        raise UsageError("a generator needs something to be compared with: --reference PATH, or data=NAME")
    if arguments.raw:
        raise UsageError("--raw is about a run's weights; a generator has those it was made with")
    result = evaluate_generator(
        generator, arguments.reference, settings, metrics=_metrics(arguments), **_drawn(arguments)
    )
    return _found(target, target, result, arguments, generator=target)


def _generator(settings: list[str]) -> list[str]:
    return [word for word in settings if word.startswith("generator.")]


def _drawn(arguments: argparse.Namespace) -> dict[str, Any]:
    """How samples are drawn, where they are."""
    keys = ("device", "seeds", "truncation", "batch_norm", "config_dir", "tick")
    return {key: getattr(arguments, key) for key in keys}


def _saved(path: Path) -> dict[str, Any]:
    """What ``--json`` printed, from a file."""
    try:
        found = json.loads(path.read_text())
        found["metrics"].items(), found["protocol"].items()
    except FileNotFoundError as error:
        raise EvaluationError(f"there is no file {path}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EvaluationError(f"{path} does not hold what ganlab evaluate --json prints") from error
    return {**found, "name": str(path), "said": f"{path}"}


def _ranked(results: dict[str, dict[str, Any]], asked: dict[str, Any]) -> dict[str, Any]:
    from ganlab.evaluation.words import number
    from ganlab.protocol import rank

    metric, names = rank(results)
    shared = [
        name for name in asked["metrics"] if all(name in result["metrics"] for result in results.values())
    ]
    width = max(map(len, names))
    print(f"by {metric}, best first")
    for place, name in enumerate(names, start=1):
        spread, metrics = results[name].get("spread", {}), results[name]["metrics"]
        numbers = [f"{key} {number(metrics[key], spread.get(key))}" for key in shared]
        print(f"  {place}  {name:<{width}}  {'  '.join(numbers)}")
        results[name].pop("said")
    return {"ranked_by": metric, "ranking": [results[name] for name in names]}


def examples(arguments: argparse.Namespace) -> str:
    return "\n".join(
        [
            "  ganlab evaluate runs/NAME --metrics fid,is,kid,prc --n 10000 --seeds 3 evaluation=inception",
            "  ganlab evaluate runs/NAME/best.ckpt --compare runs/OTHER --compare saved.json",
            "  ganlab evaluate DIR|ZIP|FILE.npz --reference DIR|ZIP|FILE.npz extractor=efficientnet-lite0",
            "  ganlab evaluate generator._target_=my.Generator data=cifar10",
            "",
            "A run is measured as it measures itself, unless evaluation=CHOICE or evaluation.KEY=VALUE say else. Images",
            "of unlike sizes are refused, unless data.resolution=R makes them squares; so is grey against colour,",
            "unless data.channels=1 or 3 converts them.",
        ]
    )


COMMAND = Command(
    "measure a run, images, or a generator", "[SUBJECT] [key=value ...]", options, run, examples
)
