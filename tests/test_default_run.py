"""The main job as a person runs it; minutes long, so in make test-slow."""

import time
from pathlib import Path

import pytest

import ganlab
from ganlab.evaluation import gate


@pytest.mark.slow
def test_the_default_run_passes_the_quality_gate(tmp_path: Path) -> None:
    started = time.monotonic()
    run = ganlab.train(ganlab.compose([f"run.root={tmp_path}", "run.name=digits"]))
    final = run.summary["final"]
    print(f"{time.monotonic() - started:.0f} s: {final}")
    verdict = gate(final)
    assert verdict.passed, verdict.reasons
