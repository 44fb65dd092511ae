"""``ganlab train``: a new run from settings, or more of an old one."""

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganlab.commands import Command
from ganlab.errors import ConfigError, GanlabError
from ganlab.health import in_words

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from ganlab.runs import RunFolder


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cfg", action="store_true", help="print the resolved configuration and stop")
    parser.add_argument(
        "--dry-run", action="store_true", help="build everything, take one step, write nothing"
    )


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    from ganlab import config

    settings, dirs = arguments.settings, arguments.config_dir
    cfg = _resumed(arguments) if arguments.subject else config.compose(settings, dirs)
    config.validate(cfg)
    if arguments.cfg:
        print(config.to_yaml(cfg), end="")
        return config.to_dict(cfg)
    from ganlab import launch, training

    say = print if launch.rank() == 0 else (lambda text: None)
    if arguments.dry_run:
        report = training.dry_run(cfg)
        say(report)
        return {"dry_run": report}
    folder = training.train(cfg).folder
    summary = folder.read_summary()
    say(last_words(folder, summary))
    return {"run": str(folder.path), **summary}


def last_words(folder: "RunFolder", summary: dict[str, Any]) -> str:
    """How the run went, where its results are, and what to type next."""
    path, images = folder.path, f"{summary['images']:,} images"
    health = [f"  {line}" for line in in_words(summary.get("health", []))]
    if summary["state"] != "finished":
        return "\n".join([f"{summary['state']} after {images}; to go on: ganlab train {path}", *health])
    lines = [f"finished after {images}"]
    if final := summary.get("final"):
        lines.append("  " + "  ".join(f"{name} {value:.4g}" for name, value in final.items()))
        if "memorisation" in final and "fid_digits" in final:
            from ganlab.evaluation import gate

            verdict = gate(final)
            lines.append(
                "  quality gate " + ("passed" if verdict.passed else "missed: " + "; ".join(verdict.reasons))
            )
    lines += [*how_measured(folder, summary), *health]
    pictures = [*folder.sample_grids()[-1:], path / "samples.gif", path / "curve.png"]
    lines += [f"  {picture}" for picture in pictures if picture.is_file()]
    lines += ["next:", f"  ganlab sample {path} -n 64 --out grid.png"]
    lines.append(f"  ganlab train {path} budget.images={2 * summary['images']}   # go on for as long again")
    return "\n".join(lines)


def how_measured(folder: "RunFolder", summary: dict[str, Any]) -> list[str]:
    """On how many samples, at which cost, and what the last and the best checkpoint are worth on fresh ones."""
    protocol, lines = summary.get("protocol", {}), []
    selection = summary.get("selection")
    share = evaluation_share(folder.read_metrics(), at_the_end=selection["seconds"] if selection else 0.0)
    if share is not None:
        during = protocol["n_fake"]
        final = selection["best"]["protocol"]["n_fake"] if selection else during
        samples = f"{during:,} samples" + (f" (final: {final:,})" if final != during else "")
        lines.append(f"  {samples} an evaluation, which took {share:.1%} of the time")
    if selection:
        last, chosen = (_with_spread(selection[which]) for which in ("last", "best"))
        fresh = selection["best"]["protocol"]
        lines.append(
            f"  on {len(fresh['seed'])} times {fresh['n_fake']:,} fresh samples, {selection['metric']}:"
            f" {last} at the end, {chosen} at {fresh['images']:,} images ({folder.best_checkpoint})"
        )
    return lines


def _with_spread(entry: dict[str, Any]) -> str:
    spread = entry["spread"]
    return f"{entry['value']:.4g}" + ("" if spread is None else f" ± {spread:.2g}")


def evaluation_share(lines: Iterable[Mapping[str, Any]], *, at_the_end: float = 0.0) -> float | None:
    """The evaluations' share of evaluating and training together, in [0, 1]; None where nothing was evaluated.

    Args:
        at_the_end: seconds that comparing the checkpoints took.
    """
    evaluating, training, before = at_the_end, 0.0, 0
    for line in lines:
        evaluating += line.get("time/evaluation_s", 0.0)
        if speed := line.get("time/images_per_s"):
            training += (line["images"] - before) / speed
            before = line["images"]
    return evaluating / (evaluating + training) if evaluating and training else None


def _resumed(arguments: argparse.Namespace) -> "DictConfig":
    """The configuration in a run's folder, which goes on in that folder wherever it has moved."""
    from ganlab import config
    from ganlab.config.schema import leaves
    from ganlab.runs import RunFolder

    subject = arguments.subject
    try:
        folder = RunFolder.open(subject).path.absolute()
    except GanlabError as error:
        choices = config.choices(arguments.config_dir)
        likely = [f"{group}={subject}" for group, names in choices.items() if subject in names]
        likely += [f"{subject}=VALUE"] if subject in leaves() else []
        raise ConfigError(
            f"{error}; did you mean {' or '.join(likely)}?" if likely else str(error)
        ) from error
    newest = RunFolder(folder).list_checkpoints()[-1:]
    if subject.endswith(".ckpt") and [Path(subject).absolute()] != newest:
        raise ConfigError(
            f"a run goes on from its newest checkpoint, and {subject} is not that;"
            " move the newer ones away to go back to it"
        )
    cfg = config.load(folder / "config.yaml", arguments.settings)
    cfg.run.root, cfg.run.name, cfg.run.resume = str(folder.parent), folder.name, "auto"
    return cfg


def groups(arguments: argparse.Namespace) -> str:
    from ganlab.config import choices, description

    lines = ["groups, each chosen by GROUP=CHOICE (several penalties: penalty=[r1,r2]):"]
    for group, files in choices(arguments.config_dir).items():
        lines.append(f"  {group}")
        lines += [f"    {choice:<18} {description(file)}".rstrip() for choice, file in files.items()]
    last = (
        "Every other key=value sets one key; ganlab train --cfg shows them all. With a RUN, goes on with it."
    )
    return "\n".join([*lines, "", last])


COMMAND = Command("train a GAN, or go on with a run", "[RUN] [key=value ...]", options, run, groups)
