"""``ganlab wandb-dashboard``: a workspace and a report on W&B that compare the runs of a project."""

import argparse
import itertools
import os
from typing import Any

from ganlab.commands import Command, UsageError, names

_ASKED = 20  # runs, in search of one that has been measured


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--project", metavar="NAME", help="the project on W&B")
    parser.add_argument("--entity", metavar="NAME", help="the user or team that owns it (default: yours)")
    parser.add_argument(
        "--metrics", type=names, metavar="A,B",
        help="default: those of the project's newest run that has any, or fid_digits,is_digits",
    )  # fmt: skip
    parser.add_argument(
        "--by", type=names, default=["loss"], metavar="KEY,KEY",
        help="keys of the configuration to group by (default: loss)",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    if words := [*arguments.subjects, *arguments.settings]:
        raise UsageError(f"wandb-dashboard takes options alone, got '{words[0]}'")
    if not arguments.project:
        raise UsageError("wandb-dashboard needs --project NAME")
    os.environ.setdefault("WANDB_SILENT", "true")  # the addresses are printed below
    from ganlab.errors import GanlabError
    from ganlab.report import dashboard

    metrics = arguments.metrics or ["fid_digits", "is_digits"]
    view: dict[str, Any] = {"project": arguments.project, "metrics": metrics, "by": arguments.by}
    dashboard.workspace(entity="", **view)  # what can be wrong without a server is told before it is asked
    try:
        import wandb

        api = wandb.Api(timeout=20)
        entity = arguments.entity or api.default_entity or ""
        if arguments.metrics is None:
            view["metrics"] = _measured(api, f"{entity}/{arguments.project}") or metrics
        found = {
            "workspace": dashboard.workspace(entity=entity, **view).save_as_new_view().url,
            "report": dashboard.report(entity=entity, **view).save().url,
        }
    except Exception as error:  # of wandb, requests and GraphQL, which share no base class
        raise GanlabError(f"W&B did not take the dashboard of {arguments.project}: {error}") from error
    for what, url in found.items():
        print(f"{what}: {url}")
    return found


def _measured(api: Any, project: str) -> list[str]:
    """The metrics of the newest run that has a best value; none if the server does not say."""
    from ganlab.protocol import better

    try:
        for run in itertools.islice(
            api.runs(project, order="-created_at", per_page=_ASKED, lazy=False), _ASKED
        ):
            there = run.summary.keys()
            best = [name.removeprefix("best/") for name in there if name.startswith("best/")]
            if found := [name for name in best if better(name)]:
                return sorted(found, key=lambda name: (not name.startswith("fid"), name))
    except Exception:
        return []  # a project that is not there yet; whatever else is wrong is told when the view is saved
    return []


COMMAND = Command("make a workspace and a report on W&B", "--project NAME", options, run)
