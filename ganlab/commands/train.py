"""``ganlab train``: a new run from settings, or more of an old one."""

import argparse
from typing import TYPE_CHECKING, Any

from ganlab.commands import Command
from ganlab.errors import ConfigError, GanlabError

if TYPE_CHECKING:
    from omegaconf import DictConfig


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
    from ganlab import training
    from ganlab.runs import RunFolder

    if arguments.dry_run:
        report = training.dry_run(cfg)
        print(report)
        return {"dry_run": report}
    folder = RunFolder(training.train(cfg).path)
    return {"run": str(folder.path), **folder.read_summary()}


def _resumed(arguments: argparse.Namespace) -> "DictConfig":
    """The configuration in a run's folder, which goes on in that folder wherever it has moved."""
    from ganlab import config
    from ganlab.runs import RunFolder

    subject = arguments.subject
    try:
        folder = RunFolder.open(subject).path.absolute()
    except GanlabError as error:
        choices = config.choices(arguments.config_dir)
        likely = [f"{group}={subject}" for group, names in choices.items() if subject in names]
        raise ConfigError(
            f"{error}; did you mean {' or '.join(likely)}?" if likely else str(error)
        ) from error
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
