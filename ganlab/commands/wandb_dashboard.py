"""``ganlab wandb-dashboard``: a workspace and a report on W&B that compare the runs of a project."""

import argparse
import os
from typing import Any

from ganlab.commands import Command, UsageError


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--project", metavar="NAME", help="the project on W&B")
    parser.add_argument("--entity", metavar="NAME", help="the user or team that owns it (default: yours)")
    parser.add_argument(
        "--metrics", type=_names, default=["fid", "is", "kid"], metavar="A,B", help="default: fid,is,kid"
    )
    parser.add_argument(
        "--by", type=_names, default=["objective._target_"], metavar="KEY,KEY",
        help="keys of the configuration to group by (default: objective._target_)",
    )  # fmt: skip


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"must be names with commas between them, got '{text}'")
    return names


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    if words := [*arguments.subjects, *arguments.settings]:
        raise UsageError(f"wandb-dashboard takes options alone, got '{words[0]}'")
    if not arguments.project:
        raise UsageError("wandb-dashboard needs --project NAME")
    os.environ.setdefault("WANDB_SILENT", "true")  # the addresses are printed below
    from ganlab.errors import GanlabError
    from ganlab.report import dashboard

    view: dict[str, Any] = {"project": arguments.project, "metrics": arguments.metrics, "by": arguments.by}
    dashboard.workspace(entity="", **view)  # what can be wrong without a server is told before it is asked
    try:
        import wandb

        entity = arguments.entity or wandb.Api(timeout=20).default_entity or ""
        found = {
            "workspace": dashboard.workspace(entity=entity, **view).save_as_new_view().url,
            "report": dashboard.report(entity=entity, **view).save().url,
        }
    except Exception as error:  # of wandb, requests and GraphQL, which share no base class
        raise GanlabError(f"W&B did not take the dashboard of {arguments.project}: {error}") from error
    for what, url in found.items():
        print(f"{what}: {url}")
    return found


COMMAND = Command("make a workspace and a report on W&B", "--project NAME", options, run)
