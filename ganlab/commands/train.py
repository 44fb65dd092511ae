"""``ganlab train``: a new run from settings, or more of an old one."""

import argparse
import json
from pathlib import Path
from typing import Any

from ganlab.commands import Command


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cfg", action="store_true", help="print the resolved configuration and stop")
    parser.add_argument(
        "--dry-run", action="store_true", help="build everything, take one step, write nothing"
    )


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    from ganlab import config

    if arguments.subject:  # go on with a run: its own configuration, its own folder
        folder = Path(arguments.subject)
        cfg = config.load(folder / "config.yaml" if folder.is_dir() else folder, arguments.settings)
        if folder.is_dir():
            cfg.run.root, cfg.run.name = str(folder.absolute().parent), folder.absolute().name
    else:
        cfg = config.compose(arguments.settings, arguments.config_dir)
    config.validate(cfg)
    if arguments.cfg:
        print(config.to_yaml(cfg), end="")
        return config.to_dict(cfg)
    from ganlab import training

    if arguments.dry_run:
        report = training.dry_run(cfg)
        print(report)
        return {"dry_run": report}
    folder = Path(training.train(cfg).path)
    summary = folder / "summary.json"
    return {"run": str(folder)} | (json.loads(summary.read_text()) if summary.is_file() else {})


def groups(arguments: argparse.Namespace) -> str:
    from ganlab.config.groups import choices, description

    lines = ["groups, each chosen by GROUP=CHOICE (several penalties: penalty=[r1,r2]):"]
    for group, files in choices(arguments.config_dir).items():
        lines.append(f"  {group}")
        lines += [f"    {choice:<18} {description(file)}".rstrip() for choice, file in files.items()]
    return "\n".join(
        [
            *lines,
            "",
            "Every other key=value sets one key; ganlab train --cfg shows them all. With a RUN, goes on with it.",
        ]
    )


COMMAND = Command("train a GAN, or go on with a run", "[RUN] [key=value ...]", options, run, groups)
