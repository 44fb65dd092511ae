"""The command as a person meets it: what it prints, where, and its exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

import ganlab
from ganlab import cli, commands, config
from ganlab.config.groups import shipped
from ganlab.errors import CheckpointError
from ganlab.runs import RunFolder
from tests.conftest import TINY

HEAVY = ("torch", "lightning", "hydra", "omegaconf", "numpy", "wandb", "torchvision")


def ganlab_command(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(ganlab.__file__).parents[1])}
    return subprocess.run(
        [sys.executable, "-m", "ganlab", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        timeout=120,
    )


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """In the place of ganlab.training: remembers what it was asked for, or raises `error`."""
    stand_in = SimpleNamespace(cfg=None, error=None)

    def train(cfg: object) -> SimpleNamespace:
        stand_in.cfg = cfg
        if stand_in.error:
            raise stand_in.error
        folder = RunFolder(tmp_path)
        folder.write_summary(state="finished", images=5)
        return SimpleNamespace(folder=folder)

    stand_in.train = train
    monkeypatch.setitem(sys.modules, "ganlab.training", stand_in)
    monkeypatch.setattr(ganlab, "training", stand_in, raising=False)
    return stand_in


@pytest.mark.parametrize(
    ("words", "light"),
    [(["--help"], HEAVY), (["train", "--help"], ("torch", "lightning", "numpy", "wandb", "torchvision"))],
)
def test_help_imports_nothing_heavy(words: list[str], light: tuple[str, ...]) -> None:
    program = (
        "import sys; from ganlab.cli import main; code = main(sys.argv[2:]);"
        "print([name for name in sys.argv[1].split(',') if name in sys.modules]); sys.exit(code)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, ",".join(light), *words], capture_output=True, text=True, timeout=60
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == "[]"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    for name, command in commands.available().items():
        assert f"{name:<16} {command.summary}" in text
        assert cli.main([name, "--help"]) == 0
        assert capsys.readouterr().out.startswith(f"usage: ganlab {name} {command.usage}")
    assert {"train", "sample"} <= set(commands.available())


def test_train_help_lists_groups_and_choices(tmp_path: Path) -> None:
    (tmp_path / "objective").mkdir()
    (tmp_path / "objective" / "mine.yaml").write_text("# My very own loss\n_target_: a.B\n")
    result = ganlab_command("train", "--config-dir", str(tmp_path), "--help")
    lines = [line.strip() for line in result.stdout.splitlines()]
    for file in shipped().glob("*/**/*.yaml"):
        group = file.parent.relative_to(shipped()).as_posix()
        if group == "sweep":
            continue
        assert group in lines, group
        assert any(line.startswith(f"{file.stem} ") for line in lines[lines.index(group) :]), file
    assert any(line.split(maxsplit=1) == ["mine", "My very own loss"] for line in lines)
    assert "sweep" not in lines  # its files are for W&B and for ganlab sweep


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ([], 2, "usage: ganlab"),
        (["trian"], 2, "no command 'trian'; did you mean train?"),
        (["xyz"], 2, "there is no command 'xyz'; commands: "),
        (["train", "--objective", "hinge"], 2, "--objective"),
        (["train", "runs/a", "runs/b"], 2, "'runs/a' and 'runs/b'"),
        (["train", "--config-dir"], 2, "--config-dir"),
        (["train", "hinge"], 1, "did you mean objective=hinge?"),
        (["train", "no/such/run"], 1, "no/such/run is not a run"),
        (["train", "objective=hnge"], 1, "did you mean hinge"),
        (["train", "--cfg", "data.batch_size=0"], 1, "data.batch_size must be at least 1, got 0"),
        (["train", "--config-dir", "no/such/folder"], 1, "no/such/folder is not a folder"),
        (["sample"], 2, "sample needs a run"),
        (["sample", "runs/a", "n=3"], 2, "sample takes no settings"),
        (["sample", "runs/a", "-n", "0"], 2, "-n: must be at least 1, got '0'"),
        (["sample", "runs/a", "--truncation", "-1"], 2, "--truncation: must be a number above 0, got '-1'"),
        (["sample", "runs/a", "--out", "grid.docx"], 2, "--out must end in .png"),
        (["sample", "no/such/run"], 1, "no/such/run is not a run"),
    ],
)
def test_refusals(words: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert says in captured.err
    assert "Traceback" not in captured.err
    assert not words or (captured.err.startswith("ganlab: ") and len(captured.err.splitlines()) <= 4)


def test_refusals_in_a_process_of_their_own(tmp_path: Path) -> None:
    result = ganlab_command("train", "seed=x", "run.notes=it's", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "ganlab: seed must be a whole number, got 'x'\n"
    result = ganlab_command("train", "seed=x", "--debug", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith("Traceback")
    assert "ConfigError" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_leaves_early() -> None:
    command = subprocess.Popen(
        [sys.executable, "-m", "ganlab", "train", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert command.stdout is not None
    assert command.stderr is not None
    command.stdout.close()
    assert (command.stderr.read(), command.wait(timeout=60)) == (b"", 141)
    command.stderr.close()


def test_cfg_prints_what_would_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluation=none", "objective=wgan", "run.notes=it's a=b ~/x é", "game.n_critic=3.0"]
    assert cli.main(["train", *words[:2], "--cfg", *words[2:]]) == 0
    printed = tmp_path / "printed.yaml"
    printed.write_text(capsys.readouterr().out, encoding="utf-8")
    loaded = config.load(printed)
    assert loaded.run.notes == "it's a=b ~/x é"
    assert (loaded.game.n_critic, loaded.constraint.clip.bound) == (
        3,
        0.01,
    )
    assert cli.main(["train", *words, "--cfg", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == config.to_dict(loaded)


def test_train_and_sample(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = [*TINY, f"run.root={tmp_path}", "seed=5", "optimizer.generator.lr=1e-05"]
    assert cli.main(["train", *settings, "--json"]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert (result["state"], result["images"], result["run"]) == ("finished", 64, str(tmp_path / "tiny"))
    assert "finished after 64 images" in captured.err  # under --json all else goes to stderr
    assert f"ganlab sample {tmp_path / 'tiny'} -n 64" in captured.err
    kept = config.load(tmp_path / "tiny" / "config.yaml")
    assert (kept.seed, kept.optimizer.generator.lr) == (5, 1e-05)

    run, grid, folder = str(tmp_path / "tiny"), tmp_path / "grid.png", tmp_path / "images"
    assert cli.main(["sample", run, "-n", "5", "--out", str(grid), "--truncation", "0.5"]) == 0
    assert cli.main(["sample", run, "-n", "5", "--out", str(folder)]) == 0
    with Image.open(grid) as picture:
        assert min(picture.size) > 250
    assert [path.name for path in sorted(folder.iterdir())] == [f"00000{i}.png" for i in range(5)]

    assert cli.main(["train", *settings, "--dry-run", "objective=hinge"]) == 0
    assert "one step" in capsys.readouterr().out


def test_going_on_with_a_run(
    training: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = tmp_path / "elsewhere" / "third"
    (moved / "checkpoints").mkdir(parents=True)
    (moved / "environment.json").write_text("{}")
    cfg = config.compose(["objective=wgan", "run.name=first", "run.resume=never", "evaluation=none"])
    (moved / "config.yaml").write_text(config.to_yaml(cfg))
    assert cli.main(["train", str(moved), "budget.images=300000"]) == 0
    run = training.cfg.run
    assert (run.name, run.root, run.resume) == ("third", str(tmp_path / "elsewhere"), "auto")
    assert training.cfg.budget.images == 300_000
    assert training.cfg.game.n_critic == 5
    assert config.difference(cfg, training.cfg) == []
    assert cli.main(["train", str(moved), "objective=hinge"]) == 1
    assert "objective cannot be chosen again" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (CheckpointError("one\ntwo\n\nthree\nfour\nfive"), 1, "ganlab: one\ntwo\nthree\nfour\n"),
        (
            ZeroDivisionError("by\nzero"),
            1,
            "ganlab: ZeroDivisionError: by zero\n--debug shows the traceback\n",
        ),
        (BrokenPipeError("of W&B"), 1, "ganlab: BrokenPipeError: of W&B\n--debug shows the traceback\n"),
        (KeyboardInterrupt(), 130, "ganlab: interrupted\n"),
    ],
)
def test_errors_of_training(
    training: SimpleNamespace, error: BaseException, code: int, says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    training.error = error
    assert cli.main(["train", "evaluation=none"]) == code
    assert capfd.readouterr().err == says


def test_a_class_beside_the_command(tmp_path: Path) -> None:
    """A user's own loss, its YAML in a folder and its module where the command runs."""
    (tmp_path / "conf" / "objective").mkdir(parents=True)
    (tmp_path / "conf" / "objective" / "mine.yaml").write_text("_target_: my_losses.Mine\nmargin: 0.25\n")
    (tmp_path / "my_losses.py").write_text("class Mine:\n    def __init__(self, *, margin: float): pass\n")
    words = ["train", "--config-dir", "conf", "--cfg", "--json", "evaluation=none"]
    result = ganlab_command(*words, "objective=mine", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["objective"] == {"_target_": "my_losses.Mine", "margin": 0.25}
    result = ganlab_command(*words, "objective=mine", "objective.margn=1", cwd=tmp_path)
    assert result.returncode == 1
    assert "did you mean margin" in result.stderr
