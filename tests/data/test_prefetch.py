"""``ganlab prefetch`` fetches what the run with the same words needs."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ganlab.cli import main
from ganlab.data import FashionMnist


def test_files_are_found_or_made_and_named(
    pictures: Path,
    idx_folder: Callable[..., dict[str, np.ndarray]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    idx_folder(tmp_path / "digits")
    assert main(["prefetch", "data=mnist", f"data.root={tmp_path / 'digits'}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"data: {tmp_path / 'digits' / 'train-images-idx3-ubyte'}"
    assert (len(lines), lines[-1]) == (5, "evaluation: nothing to fetch")
    assert main(["prefetch", "--json", "data=folder", f"data.root={pictures}"]) == 0
    (made,) = json.loads(capsys.readouterr().out)["data"]
    assert Path(made).stat().st_size > 12 * 3 * 64 * 64


def test_without_internet_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(FashionMnist, "urls", ("http://127.0.0.1:1",))
    monkeypatch.setattr(FashionMnist, "elsewhere", ())
    assert main(["prefetch", "data=fashion_mnist"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "run ganlab prefetch data=fashion_mnist where there is internet, or set data.root to where" in line
    assert main(["prefetch", "cifar10"]) == 2
    assert "prefetch takes settings, got 'cifar10'; for example data=cifar10" in capsys.readouterr().err
