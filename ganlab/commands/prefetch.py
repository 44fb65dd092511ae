"""``ganlab prefetch``: downloads and decodes, where there is internet and time, what a run will need."""

import argparse
from typing import Any

from ganlab.commands import Command, UsageError


def options(parser: argparse.ArgumentParser) -> None:
    """None beyond those of every command."""


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.subject:
        raise UsageError(f"prefetch takes settings, got '{arguments.subject}'; for example data=cifar10")
    from ganlab import config
    from ganlab.places import cache_folder

    cfg = config.compose(arguments.settings, arguments.config_dir)
    config.validate(cfg)
    source = config.instantiate(cfg.data, "data")
    evaluation = config.instantiate(cfg.evaluation, "evaluation", data=source, cache=cache_folder())
    fetched = {"data": source.prefetch(), "evaluation": evaluation.prefetch()}
    for part, paths in fetched.items():
        for path in paths:
            print(f"{part}: {path}")
        if not paths:
            print(f"{part}: nothing to fetch")
    return {part: [str(path) for path in paths] for part, paths in fetched.items()}


def examples(arguments: argparse.Namespace) -> str:
    return "The settings are those of the run: ganlab prefetch data=cifar10 evaluation=inception"


COMMAND = Command("fetch what a run will need offline", "[key=value ...]", options, run, examples)
