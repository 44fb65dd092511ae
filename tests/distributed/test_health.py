"""Several ranks log one set of diagnostics and judge the game alike."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ganlab
from ganlab.errors import TrainingError
from tests.conftest import TINY

Ranks = Callable[..., list[Any]]


def _lines_and_error(words: list[str]) -> tuple[list[dict[str, Any]], str]:
    cfg = ganlab.compose(words)
    error = ""
    try:
        ganlab.train(cfg)
    except TrainingError as stopped:
        error = str(stopped)
    metrics = Path(cfg.run.root) / cfg.run.name / "metrics.jsonl"
    return [json.loads(line) for line in metrics.read_text().splitlines()], error


def test_all_ranks_stop_at_the_same_collapse(ranks: Ranks, tmp_path: Path) -> None:
    words = [
        *TINY, f"run.root={tmp_path}", "log.every=16", "health.lines=1", "health.warmup=0",
        "health.collapse_diversity=100", "health.collapse_fall=1", "health.on_collapse=stop",
        "health.improvement=1000",
    ]  # fmt: skip
    (lines, error), (same_lines, same_error) = ranks(2, _lines_and_error, words)
    assert lines == same_lines
    assert error == same_error
    assert error.startswith("the samples have become far more alike than the data are at ")
    assert lines[-1]["images"] == int(error.split(" at ")[1].split(" images")[0])
    assert {"gradient/g", "diversity/kinds", "diversity/samples", "game/accuracy"} <= lines[-1].keys()
    summary = json.loads((tmp_path / "tiny" / "summary.json").read_text())
    assert summary["state"] == "failed"
    assert "mode_collapse" in {finding["rule"] for finding in summary["health"]}
