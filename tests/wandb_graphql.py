"""What W&B's client asks its server in GraphQL, and what it is content with as an answer."""

import itertools
import json
import re
import threading
from dataclasses import dataclass, field
from typing import Any

import yaml

ENTITY = "tester"


@dataclass
class Received:
    """One run as the server has it; the lines of a streamed file lie where the client says they belong."""

    id: str
    fields: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    streams: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    exit_code: int | None = None

    @property
    def history(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.streams.get("wandb-history.jsonl", [])]

    @property
    def summary(self) -> dict[str, Any]:
        return json.loads(self.streams.get("wandb-summary.json", ["{}"])[-1])

    def stream(self, name: str, offset: int, lines: list[str]) -> None:
        if name == "wandb-summary.json":
            self.streams[name] = lines
            return
        kept = self.streams.setdefault(name, [])
        assert offset <= len(kept), f"{name}: a gap before line {offset}"
        kept[offset : offset + len(lines)] = lines


@dataclass
class Sweep:
    """A grid of parameters, handed out one point at a time."""

    config: dict[str, Any]
    waiting: list[dict[str, Any]]
    claimed: dict[str, dict[str, Any]] = field(default_factory=dict)  # by run id


class GraphQL:
    """The state of a server, and one method for every operation that changes or reads it.

    Attributes:
        url: of the server, for the files it wants to be sent.
        unknown: operations that it was asked for and does not know.
    """

    url: str

    def __init__(self) -> None:
        self.runs: dict[str, Received] = {}
        self.artifacts: list[dict[str, Any]] = []
        self.sweeps: dict[str, Sweep] = {}
        self.unknown: list[str] = []
        self.lock = threading.RLock()
        self._numbers = itertools.count(1)

    def run(self, name: str) -> Received:
        return self.runs.setdefault(name, Received(name))

    def answer(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        match = re.match(r"\s*(?:#.*\s+)?(?:query|mutation)\s+(\w+)", query)
        operation = match[1] if match else query[:60]
        method = getattr(self, f"on_{operation.lower()}", None)
        if method is None:
            self.unknown.append(operation)
            return {"errors": [{"message": f"the stand-in does not know {operation}"}]}
        with self.lock:
            return {"data": method(variables)}

    def on_viewer(self, _: dict[str, Any]) -> dict[str, Any]:
        teams = {"edges": [{"node": {"name": ENTITY}}]}
        viewer = {
            "id": "V1",
            "entity": ENTITY,
            "username": ENTITY,
            "flags": "{}",
            "teams": teams,
            "admin": False,
        }
        return {"viewer": viewer}

    def on_serverfeaturesquery(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"serverInfo": {"features": []}}

    def on_organizationcoreweaveorganizationid(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"entity": None}

    def on_runresumestatus(self, v: dict[str, Any]) -> dict[str, Any]:
        run = self.runs.get(v["name"])
        bucket = None if run is None else {
            "name": run.id, "historyLineCount": len(run.history), "eventsLineCount": 0, "logLineCount": 0,
            "historyTail": json.dumps(run.streams.get("wandb-history.jsonl", [])[-1:]), "eventsTail": "[]",
            "summaryMetrics": json.dumps(run.summary), "config": json.dumps({k: {"value": v} for k, v in run.config.items()}), "tags": [],
            "wandbConfig": json.dumps({"t": 1}),
        }  # fmt: skip
        return {
            "model": {
                "id": "P1",
                "name": v["project"],
                "entity": {"id": "E1", "name": ENTITY},
                "bucket": bucket,
            }
        }

    def on_upsertbucket(self, v: dict[str, Any]) -> dict[str, Any]:
        inserted = v.get("name") not in self.runs
        run = self.run(v["name"] or v["id"])
        run.fields |= {name: value for name, value in v.items() if value is not None}
        if v.get("config"):
            run.config |= {name: item["value"] for name, item in json.loads(v["config"]).items()}
        project = {"id": "P1", "name": v.get("project") or "ganlab", "entity": {"id": "E1", "name": ENTITY}}
        bucket = {
            "id": run.id, "name": run.id, "displayName": run.fields.get("displayName", run.id), "description": None,
            "config": "{}", "sweepName": run.fields.get("sweep"), "project": project,
            "historyLineCount": len(run.history),
        }  # fmt: skip
        return {"upsertBucket": {"bucket": bucket, "inserted": inserted}}

    def on_createrunfiles(self, v: dict[str, Any]) -> dict[str, Any]:
        urls = [{"name": name, "uploadUrl": f"{self.url}/put/{v['run']}/{name}"} for name in v["files"]]
        return {"createRunFiles": {"runID": v["run"], "uploadHeaders": [], "files": urls}}

    # ---- artifacts ------------------------------------------------------------------------------------------

    def on_clientidmapping(self, v: dict[str, Any]) -> dict[str, Any]:
        known = [a["id"] for a in self.artifacts if a.get("clientID") == v["clientID"]]
        return {"clientIDMapping": {"serverID": known[0]} if known else None}

    def on_fetchartifactdigestalgorithm(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"project": {"artifactType": None}}

    def on_xxhashdigestsenabled(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"entity": {"xxhashDigestsEnabled": False}}

    def on_createartifact(self, v: dict[str, Any]) -> dict[str, Any]:
        artifact = {"id": f"A{next(self._numbers)}", "state": "PENDING", "files": {}, **v["input"]}
        self.artifacts.append(artifact)
        sequence = {"id": "S1", "latestArtifact": None}
        return {
            "createArtifact": {
                "artifact": {"id": artifact["id"], "state": "PENDING", "artifactSequence": sequence}
            }
        }

    def on_createartifactmanifest(self, v: dict[str, Any]) -> dict[str, Any]:
        url = f"{self.url}/put/artifact/{v['artifactID']}/{v['name']}"
        file = {
            "id": "F1",
            "name": v["name"],
            "displayName": v["name"],
            "uploadUrl": url,
            "uploadHeaders": [],
        }
        return {"createArtifactManifest": {"artifactManifest": {"id": v["artifactID"], "file": file}}}

    def on_updateartifactmanifest(self, v: dict[str, Any]) -> dict[str, Any]:
        url = f"{self.url}/put/artifact/{v['artifactManifestID']}/manifest"
        file = {"id": "F1", "name": "manifest", "displayName": "m", "uploadUrl": url, "uploadHeaders": []}
        return {"updateArtifactManifest": {"artifactManifest": {"id": v["artifactManifestID"], "file": file}}}

    def on_createartifactfiles(self, v: dict[str, Any]) -> dict[str, Any]:
        edges = []
        for spec in v["input"]["artifactFiles"]:
            url = f"{self.url}/put/artifact/{spec['artifactID']}/{spec['name']}"
            node = {
                "id": "F1", "name": spec["name"], "displayName": spec["name"], "uploadUrl": url,
                "uploadHeaders": [], "artifact": {"id": spec["artifactID"]}, "storagePath": spec["name"],
                "uploadMultipartUrls": None,
            }  # fmt: skip
            edges.append({"node": node})
        return {"createArtifactFiles": {"files": {"edges": edges}}}

    def on_commitartifact(self, v: dict[str, Any]) -> dict[str, Any]:
        self.artifact(v["artifactID"])["state"] = "COMMITTED"
        return {"commitArtifact": {"artifact": {"id": v["artifactID"], "digest": "d"}}}

    def artifact(self, identifier: str) -> dict[str, Any]:
        return next(a for a in self.artifacts if a["id"] == identifier)

    # ---- sweeps ---------------------------------------------------------------------------------------------

    def on_upsertsweep(self, v: dict[str, Any]) -> dict[str, Any]:
        config = yaml.safe_load(v["config"])
        names = list(config["parameters"])
        choices = [p["values"] if "values" in p else [p["value"]] for p in config["parameters"].values()]
        points = [dict(zip(names, point, strict=True)) for point in itertools.product(*choices)]
        name = f"sweep{next(self._numbers):04d}"
        self.sweeps[name] = Sweep(config, points)
        project = {"id": "P1", "name": v["projectName"], "entity": {"id": "E1", "name": ENTITY}}
        return {"upsertSweep": {"sweep": {"name": name, "project": project}, "configValidationWarnings": []}}

    def on_sweepwithruns(self, v: dict[str, Any]) -> dict[str, Any]:
        sweep = self.sweeps.get(v["sweep"])
        found = sweep and {
            "id": v["sweep"], "name": v["sweep"], "state": "RUNNING", "config": yaml.safe_dump(sweep.config),
            "runs": {"edges": []},
        }  # fmt: skip
        return {"project": {"sweep": found}}

    def on_createagent(self, v: dict[str, Any]) -> dict[str, Any]:
        return {"createAgent": {"agent": {"id": v["sweep"]}}}

    def on_heartbeat(self, v: dict[str, Any]) -> dict[str, Any]:
        sweep, commands = self.sweeps[v["id"]], []
        if not json.loads(v["runState"]):  # an agent without a run wants one
            if sweep.waiting:
                point, name = sweep.waiting.pop(0), f"trial{next(self._numbers):04d}"
                sweep.claimed[name] = point
                args = {key: {"value": value} for key, value in point.items()}
                commands = [{"type": "run", "run_id": name, "program": sweep.config["program"], "args": args}]
            elif all(name in self.runs and self.runs[name].exit_code is not None for name in sweep.claimed):
                commands = [{"type": "exit"}]  # sooner, and the agent would end a trial that has just begun
        return {"agentHeartbeat": {"agent": {"id": v["id"]}, "commands": json.dumps(commands)}}
