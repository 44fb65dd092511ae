"""``ganlab doctor``: is this machine ready for a run, and if not, what to do."""

import argparse
from typing import Any

from ganlab.commands import Command, UsageError


def options(parser: argparse.ArgumentParser) -> None:
    """None beyond those of every command."""


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.subject:
        raise UsageError(f"doctor takes settings, got '{arguments.subject}'; for example data=cifar10")
    from ganlab import config
    from ganlab.doctor import Finding, as_json, examine

    cfg = config.compose(arguments.settings, arguments.config_dir)
    config.validate(cfg)
    findings: list[Finding] = []
    for finding in examine(cfg):
        print(finding, flush=True)
        findings.append(finding)
    return as_json(findings)


def examples(arguments: argparse.Namespace) -> str:
    return "\n".join(
        [
            "  ganlab doctor                                          # the default run",
            "  ganlab doctor data=cifar10 evaluation=inception        # what that run needs",
            "  srun --ntasks=1 ganlab doctor trainer.devices=4        # inside a SLURM job",
            "",
            "One line each: ok, warning or broken, and what to do. Exit code 1 if anything is broken.",
        ]
    )


COMMAND = Command("look at what a run needs on this machine", "[key=value ...]", options, run, examples)
