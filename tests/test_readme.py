"""The README tells the truth: its commands run, its refusals are what is printed, its examples work."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ganlab import config
from ganlab.parts import build

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.S)


def commands() -> list[list[str]]:
    """Settings of every ``ganlab train`` in the README that starts a new run."""
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    found = [shlex.split(line, comments=True)[2:] for line in lines if line.startswith("ganlab train")]
    return [words for words in found if not any(w.startswith(("-", "runs/")) for w in words)]


def ganlab(*words: str, folder: Path) -> subprocess.CompletedProcess:
    run = [sys.executable, "-m", "ganlab", *words]
    return subprocess.run(run, cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("settings", commands())
def test_training_commands_compose_and_fit_together(settings: list[str]) -> None:
    cfg = config.compose(settings)
    parts = build(cfg)
    assert parts.data.batch_size == cfg.data.batch_size
    assert type(parts.gan.objective).__name__ == cfg.objective["_target_"].rpartition(".")[2]


def test_refusals_are_printed_as_shown(tmp_path: Path) -> None:
    (block,) = blocks("console")
    shown = re.findall(r"\$ ganlab (.*)\n(ganlab: .*)\n", block)
    assert len(shown) == 2
    for command, message in shown:
        done = ganlab(*shlex.split(command), folder=tmp_path)
        assert done.returncode == 1
        assert done.stderr.strip() == message


def test_a_loss_is_added_as_described(tmp_path: Path) -> None:
    (loss,) = [block for block in blocks("python") if block.startswith("# my_losses.py")]
    (tmp_path / "my_losses.py").write_text(loss)
    recipes = {"objective/logistic.yaml": blocks("yaml")[0], "experiment/wide.yaml": blocks("yaml")[1]}
    for name, text in recipes.items():
        path = tmp_path / "my_configs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    done = ganlab("train", "--config-dir", "my_configs", "objective=logistic", "--dry-run", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"loss/d 0\.\d+", done.stdout)
    done = ganlab("train", "--config-dir", "my_configs", "experiment=wide", "--cfg", folder=tmp_path)
    assert "width: 96" in done.stdout, done.stderr
    assert "n_critic: 5" in done.stdout


def test_pictures_exist() -> None:
    pictures = re.findall(r"\]\((docs/[^)]*)\)", README)
    assert len(pictures) >= 3
    assert all((ROOT / picture).is_file() for picture in pictures)
