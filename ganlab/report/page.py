"""One HTML file that needs nothing but itself."""

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

_SCRIPTS = (
    "statistics.js", "model.js", "dom.js", "scales.js", "chart.js", "table.js", "leaderboard.js", "curves.js",
    "pairs.js", "parallel.js", "samples.js", "configuration.js", "runs.js", "main.js",
)  # fmt: skip


def page(payload: Mapping[str, Any]) -> str:
    """The report: data, style and scripts in one page, which its own policy forbids to fetch or run anything else."""
    script = '"use strict";\n' + "\n".join(asset(name) for name in _SCRIPTS)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # "<" must not end the element that the data stand in, whatever a note says.
    data = json.dumps(payload, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    parts = {"digest": digest, "style": asset("page.css"), "data": data, "script": script}
    before, *marked = asset("page.html").split("{{")
    filled = [before]
    for piece in marked:
        name, _, after = piece.partition("}}")
        filled += [parts[name], after]
    return "".join(filled)


def asset(name: str) -> str:
    """A file of ``ganlab/report/assets``."""
    return (files("ganlab.report") / "assets" / name).read_text(encoding="utf-8")
