"""The W&B dashboard: its workspace as the package writes it, and both saved to a stand-in server by the real client."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ganlab import cli
from ganlab.report import dashboard
from tests.wandb_server import ENTITY, StandIn

pytest.importorskip("wandb_workspaces", reason="wandb-workspaces, an optional extra, is not installed")

VIEW = {
    "project": "losses",
    "metrics": ["fid_digits", "is_digits"],
    "by": ["objective._target_", "network.spectral_norm"],
}


def spec_of(workspace: Any) -> dict[str, Any]:
    return json.loads(workspace._to_model().spec.model_dump_json(by_alias=True, exclude_none=True))["section"]


def test_the_workspace_is_built_offline() -> None:
    spec = spec_of(dashboard.workspace(entity="e", **VIEW))
    assert spec["settings"]["xAxis"] == "images"
    runs = spec["runSets"][0]
    assert [key["name"] for key in runs["grouping"]] == [
        "objective.value._target_",
        "network.value.spectral_norm",
    ]
    (order,) = runs["sort"]["keys"]
    assert order == {"key": {"section": "summary", "name": "best/fid_digits"}, "ascending": True}
    sections = {section["name"]: section["panels"] for section in spec["panelBankConfig"]["sections"]}
    assert list(sections)[:4] == ["Scores", "Settings", "Samples", "Health"]
    lines = [panel["config"] for panel in sections["Scores"] if panel["viewType"] == "Run History Line Plot"]
    assert [line["metrics"] for line in lines] == [["eval/fid_digits"], ["eval/is_digits"]]
    assert {line["xAxis"] for line in lines} == {"images"}
    columns = sections["Settings"][0]["config"]["columns"]
    pinned = runs["runFeed"]["columnPinned"]
    assert {"summary:protocol/id", "summary:reason"} <= {name for name, on in pinned.items() if on}
    assert columns[0] == {"accessor": "config:objective.value._target_"}
    assert columns[-1] == {"accessor": "summary:best/fid_digits", "inverted": True}
    assert sections["Samples"][0]["config"]["mediaKeys"] == ["samples"]


def test_no_two_panels_lie_on_each_other() -> None:
    for panels in dashboard._panels(**{key: VIEW[key] for key in ("metrics", "by")}).values():
        cells = [
            (x, y)
            for panel in panels
            for x in range(panel.layout.x, panel.layout.x + panel.layout.w)
            for y in range(panel.layout.y, panel.layout.y + panel.layout.h)
        ]
        assert len(set(cells)) == len(cells)
        assert max(x for x, _ in cells) < 24


def test_higher_scores_come_first_where_higher_is_better() -> None:
    spec = spec_of(dashboard.workspace(entity="e", project="p", metrics=["is"], by=["seed"]))
    assert spec["runSets"][0]["sort"]["keys"][0]["ascending"] is False


class Views(StandIn):
    """The stand-in with a place for workspaces and reports."""

    def __init__(self) -> None:
        super().__init__()
        self.views: list[dict[str, Any]] = []
        self.summaries: list[dict[str, Any]] = []  # of the project's runs, newest first

    def on_upsertview2(self, v: dict[str, Any]) -> dict[str, Any]:
        self.views.append(v)
        return {"upsertView": {"view": {"id": "Vmlldzox", "name": v["name"]}, "inserted": True}}

    def on_upsertview(self, v: dict[str, Any]) -> dict[str, Any]:
        self.views.append(v)
        project = {"id": "P1", "name": v["projectName"], "entityName": v["entityName"]}
        view = {
            "id": "Vmlldzoy", "type": v["type"], "name": v["name"], "displayName": v["displayName"], "description": "",
            "project": project, "spec": v["spec"], "updatedAt": "2026-01-01T00:00:00Z",
        }  # fmt: skip
        return {"upsertView": {"view": view, "inserted": True}}

    def on_getdefaultentity(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"viewer": {"id": "V1", "entity": ENTITY}}

    def on_projectinternalid(self, v: dict[str, Any]) -> dict[str, Any]:
        return {"project": {"internalId": "UHJvamVjdEludGVybmFsSWQ6MQ=="}}

    def on_runs(self, v: dict[str, Any]) -> dict[str, Any]:
        """As the client asks for the runs of a project, with their summaries."""
        assert v["order"] == "-created_at"
        nodes = [
            {
                "id": f"R{i}", "projectId": "1", "name": f"run{i}", "displayName": f"run{i}", "state": "finished",
                "tags": [], "config": "{}", "summaryMetrics": json.dumps(summary), "systemMetrics": "{}",
                "historyKeys": None, "user": {"name": "t", "username": "t"}, "createdAt": "2026-01-01T00:00:00", "sweepName": None,
            }
            for i, summary in enumerate(self.summaries)
        ]  # fmt: skip
        runs = {
            "edges": [{"node": node, "cursor": node["id"]} for node in nodes],
            "pageInfo": {"endCursor": None, "hasNextPage": False},
        }
        return {"project": {"internalId": "1", "runCount": len(nodes), "readOnly": False, "runs": runs}}

    def on_getprojects(self, v: dict[str, Any]) -> dict[str, Any]:
        node = {
            "id": "P1",
            "name": "losses",
            "entityName": ENTITY,
            "createdAt": "2026-01-01",
            "isBenchmark": False,
            "user": None,
        }
        page = {"endCursor": None, "hasNextPage": False}
        return {"models": {"edges": [{"node": node, "cursor": "c"}], "pageInfo": page}}


@pytest.fixture
def server() -> Iterator[Views]:
    server = Views()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def ganlab(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ganlab", *words], capture_output=True, text=True, timeout=120,
        env={**os.environ, **environment},
    )  # fmt: skip


def test_the_real_client_saves_both(server: Views, tmp_path: object) -> None:
    words = ["--project", "losses", "--metrics", "fid_digits,is_digits", "--json"]
    done = ganlab("wandb-dashboard", *words, **server.environment(), HOME=str(tmp_path))
    assert done.returncode == 0, (done.stderr, server.unknown)
    found = json.loads(done.stdout)
    assert f"/{ENTITY}/losses" in found["workspace"]
    assert f"/{ENTITY}/losses/reports/" in found["report"]
    workspace, report = server.views
    assert (workspace["type"], workspace["displayName"], workspace["projectName"]) == (
        "project-view",
        "ganlab",
        "losses",
    )
    assert "eval/fid_digits" in workspace["spec"]
    assert report["type"] == "runs"
    assert "Means over the runs of a group" in report["spec"]
    assert "best/is_digits" in report["spec"]


def test_metrics_are_those_that_the_projects_runs_have(server: Views, tmp_path: Path) -> None:
    server.summaries = [
        {"loss/d": 1.0},
        {"best/is": 8.0, "best/fid": 20.0, "best/kid_std": 1.0},
        {"best/modes": 8},
    ]
    environment = {**server.environment(), "HOME": str(tmp_path)}
    done = ganlab("wandb-dashboard", "--project", "losses", "--json", **environment)
    assert done.returncode == 0, (done.stderr, server.unknown)
    spec = server.views[0]["spec"]
    assert [f"best/{name}" in spec for name in ("fid", "is", "kid", "modes", "fid_digits")] == [
        True,
        True,
        *3 * [False],
    ]
    assert '"name":"loss' in spec.replace(" ", "")
    server.views.clear()
    server.summaries = []
    assert ganlab("wandb-dashboard", "--project", "losses", **environment).returncode == 0
    assert "best/fid_digits" in server.views[0]["spec"]


def test_what_goes_wrong_is_said_in_a_sentence(
    server: Views, tmp_path: object, capsys: pytest.CaptureFixture[str]
) -> None:
    server.status = 403
    done = ganlab(
        "wandb-dashboard", "--project", "losses", "--entity", "e", **server.environment(), HOME=str(tmp_path)
    )
    assert done.returncode == 1
    assert done.stderr.startswith("ganlab: W&B did not take the dashboard of losses: ")
    assert len(done.stderr.splitlines()) <= 4
    assert cli.main(["wandb-dashboard"]) == 2
    assert "--project" in capsys.readouterr().err


def test_without_the_package_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "wandb_workspaces.reports.v2", None)
    assert cli.main(["wandb-dashboard", "--project", "losses"]) == 1
    assert capsys.readouterr().err.strip() == (
        "ganlab: a W&B dashboard needs wandb-workspaces: pip install 'ganlab[dashboard]'"
    )
