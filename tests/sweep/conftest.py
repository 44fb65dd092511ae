"""Sweep files for the tests."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from ganlab.sweep.file import SweepFile, read_sweep

ROOT = Path(__file__).parent.parent.parent
CONTENT = {
    "program": "ganlab",
    "method": "grid",
    "metric": {"name": "best/fid_digits", "goal": "minimize"},
    "parameters": {"objective": {"values": ["hinge", "minimax"]}, "seed": {"values": [3, 4, 5]}},
    "command": ["ganlab", "train", "budget.images=64", "${args_no_hyphens}"],
}


@pytest.fixture
def sweep_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a small grid with these top-level keys changed; None removes one."""

    def write(**changes: object) -> Path:
        path = tmp_path / "sweep.yaml"
        content = {**CONTENT, **changes}
        path.write_text(yaml.safe_dump({key: value for key, value in content.items() if value is not None}))
        return path

    return write


@pytest.fixture
def sweep(sweep_file: Callable[..., Path]) -> Callable[..., SweepFile]:
    """The same, read."""
    return lambda **changes: read_sweep(sweep_file(**changes))
