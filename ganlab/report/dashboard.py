"""The same comparison on W&B: a saved workspace of a project, and a report to share.

Needs wandb-workspaces, which is optional: ``pip install 'ganlab[dashboard]'``.
"""

import warnings
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from ganlab.errors import GanlabError
from ganlab.protocol import better

_HEALTH = ("loss/d", "loss/g", "score/real", "score/fake", "time/images_per_s")
_WIDTH, _HEIGHT, _ACROSS = 8, 6, 3  # of a panel, in W&B's grid of 24 columns
_TEXT = (
    "Means over the runs of a group with their standard deviation, against real images shown to D. W&B neither checks"
    " that the numbers were measured by one protocol (only runs with the same protocol/id compare) nor whether a"
    " difference is more than seed noise; ganlab report does both."
)


def workspace(*, entity: str, project: str, metrics: Sequence[str], by: Sequence[str]) -> Any:
    """A workspace, not saved yet: scores, settings, samples, health; grouped, the best group on top.

    Args:
        metrics: names without ``eval/``; runs are ordered by the first.
        by: keys of the configuration that make a group together.

    Raises:
        GanlabError: wandb-workspaces is not installed.
    """
    ws, _ = _packages()
    first = f"best/{metrics[0]}"
    return ws.Workspace(
        entity=entity, project=project, name="ganlab",
        sections=[
            ws.Section(name=name, panels=panels, is_open=True) for name, panels in _panels(metrics, by).items()
        ],
        settings=ws.WorkspaceSettings(x_axis="images", max_runs=100, group_by_prefix="first"),
        runset_settings=ws.RunsetSettings(
            groupby=[ws.Config(key) for key in by],
            order=[ws.Ordering(ws.Summary(first), ascending=_lower(metrics[0]))],
            pinned_columns=[
                "run:displayName", "run:state", f"summary:{first}", "summary:protocol/id", "summary:state",
                "summary:reason",
            ],
        ),
    )  # fmt: skip


def report(*, entity: str, project: str, metrics: Sequence[str], by: Sequence[str]) -> Any:
    """The same panels as a report, not saved yet; building it asks the server for the project."""
    _, wr = _packages()
    runs = {"entity": entity, "project": project, "groupby": [f"config.{key}" for key in by]}
    blocks = [wr.P(_TEXT)]
    for name, panels in _panels(metrics, by).items():
        blocks += [wr.H2(name), wr.PanelGrid(runsets=[wr.Runset(**runs)], panels=panels)]
    return wr.Report(
        entity=entity, project=project, title=f"{project}: losses compared", blocks=blocks, width="fluid"
    )


def _panels(metrics: Sequence[str], by: Sequence[str]) -> dict[str, list[Any]]:
    _, wr = _packages()
    mean = {"groupby_aggfunc": "mean", "groupby_rangefunc": "stddev", "groupby": f"config.{by[0]}"}
    bests = [wr.SummaryMetric(f"best/{name}") for name in metrics]
    axes = [
        wr.ParallelCoordinatesPlotColumn(wr.Config(key))
        for key in (*by, "game.n_critic", "optimizer.generator.lr")
    ]
    end = wr.ParallelCoordinatesPlotColumn(bests[0], inverted=_lower(metrics[0]))
    return {
        "Scores": _placed(
            [
                *(wr.LinePlot(title=name, x="images", y=[f"eval/{name}"], **mean) for name in metrics),
                *(wr.BarPlot(title=f"best {name}", metrics=[best], **mean) for name, best in zip(metrics, bests, strict=True)),
            ]
        ),
        "Settings": _placed([wr.ParallelCoordinatesPlot(columns=[*axes, end]), wr.RunComparer(diff_only="split")], across=1),
        "Samples": _placed([wr.MediaBrowser(media_keys=["samples"], num_columns=4)], across=1),
        "Health": _placed([wr.LinePlot(title=name, x="images", y=[name], **mean) for name in _HEALTH]),
    }  # fmt: skip


def _placed(panels: Sequence[Any], across: int = _ACROSS) -> list[Any]:
    """Panels side by side, row below row; in a report they would else lie on each other."""
    _, wr = _packages()
    width = _WIDTH * _ACROSS // across
    for number, panel in enumerate(panels):
        row, column = divmod(number, across)
        panel.layout = wr.Layout(x=column * width, y=row * _HEIGHT, w=width, h=_HEIGHT)
    return list(panels)


def _lower(metric: str) -> bool:
    return better(metric) == "min"


def _packages() -> tuple[ModuleType, ModuleType]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # its own, of pydantic's first version
            import wandb_workspaces.reports.v2 as wr
            import wandb_workspaces.workspaces as ws
    except ImportError as error:
        raise GanlabError(
            "a W&B dashboard needs wandb-workspaces: pip install 'ganlab[dashboard]'"
        ) from error
    return ws, wr
