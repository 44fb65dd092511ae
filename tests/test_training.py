"""Whole runs: what is in the folder, what survives, what is refused."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import DictConfig
from PIL import Image

import ganlab
from ganlab import training
from ganlab.checkpoints import load_checkpoint, verifies
from ganlab.errors import CheckpointError, ConfigError, GanlabError, TrainingError
from ganlab.gan import GAN
from ganlab.runs import RunFolder
from tests.conftest import TINY, crash_after

Compose = Callable[..., DictConfig]
NO_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")


def without_times(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in line.items() if not k.startswith("time/")} for line in lines]


def assert_same_run(a: Path, b: Path) -> None:
    """Bitwise the same metrics, pictures and newest checkpoint."""
    lines = [
        without_times([*map(json.loads, (run / "metrics.jsonl").read_text().splitlines())]) for run in (a, b)
    ]
    assert lines[0] == lines[1]
    grids = [{p.name: p.read_bytes() for p in (run / "samples").glob("*.png")} for run in (a, b)]
    assert grids[0] == grids[1]
    newest = [max((run / "checkpoints").glob("*.ckpt")) for run in (a, b)]
    assert newest[0].name == newest[1].name
    assert_same(*(load_checkpoint(path) for path in newest))


def assert_same(a: Any, b: Any, where: str = "checkpoint") -> None:
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b), where
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a.keys() - {"loops", "callbacks", "global_step"}:
            assert_same(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, list):
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, f"{where}[{i}]")
    else:
        assert a == b, where


def test_a_run_folder_explains_itself(tiny: Compose) -> None:
    run = ganlab.train(tiny("evaluation=digits", "evaluation.n_fake=40", "evaluation.every=32"))
    names = {path.name for path in run.path.iterdir()}
    assert names == {
        "best.ckpt", "checkpoints", "config.yaml", "curve.png", "environment.json", "metrics.jsonl", "samples", "samples.gif",
        "summary.json",
    }  # fmt: skip
    assert run.config.data.batch_size == 8
    (start,) = json.loads((run.path / "environment.json").read_text())
    assert start["versions"]["torch"] == torch.__version__
    assert [p.name for p in run.folder.sample_grids()] == [
        "0000000000.png",
        "0000000032.png",
        "0000000064.png",
    ]
    assert [p.name for p in run.folder.list_checkpoints()] == ["0000000032.ckpt", "0000000064.ckpt"]
    evaluated = [line["images"] for line in run.metrics if "eval/fid_digits" in line]
    assert evaluated == [0, 32, 64]
    logged = [(line["images"], line["iteration"]) for line in run.metrics if "loss/d" in line]
    assert logged == [(16, 2), (32, 4), (48, 6), (64, 8)]
    keys = {key for line in run.metrics for key in line}
    assert not [key for key in keys if "fid" in key and key not in ("eval/fid_digits", "best/fid_digits")]
    summary = run.summary
    assert summary["state"] == "finished"
    assert summary["images"] == 64
    assert summary["final"]["fid_digits"] == run.metrics[-1]["eval/fid_digits"]
    assert summary["best"]["fid_digits"] == min(
        line["eval/fid_digits"] for line in run.metrics if "eval/fid_digits" in line
    )
    assert summary["protocol"]["extractor"] == "digits"
    assert summary["protocol"]["images"] == 64
    with Image.open(run.path / "samples.gif") as animation:
        assert animation.n_frames == 3


def test_samples_are_numbered(tiny: Compose) -> None:
    run = ganlab.load(ganlab.train(tiny()).path)
    few, many = run.sample(3, seed=5), run.sample(300, seed=5)
    assert few.dtype == torch.uint8
    assert few.shape == (3, 1, 8, 8)
    assert torch.equal(few, many[:3])
    assert not torch.equal(few, run.sample(3, seed=6))
    older = ganlab.load(run.folder.list_checkpoints()[0])
    assert not torch.equal(few, older.sample(3, seed=5))


CRASHES = [
    ("objective=non_saturating", 5),  # before the second checkpoint
    ("objective=wgan_gp", 2),  # before the first
    ("trainer.precision=16-mixed", 7),
    ("game.order=simultaneous", 6),
    ("trainer.precision=64-true", 6),
]


@pytest.mark.parametrize(("setting", "iteration"), CRASHES)
def test_a_crashed_run_goes_on_bit_for_bit(tiny: Compose, setting: str, iteration: int) -> None:
    settings = [setting, "game.n_critic=1", "log.every=24", "optimizer.schedule=cosine"]
    whole = ganlab.train(tiny(*settings, "run.name=whole"))
    crash_after(iteration, tiny(*settings, "run.name=broken"))
    broken = ganlab.load(Path(whole.path.parent / "broken"))
    assert broken.summary["state"] == "failed"
    assert broken.summary["reason"] == "OSError: the machine burns"
    torch.manual_seed(99)  # nothing may depend on it
    resumed = ganlab.train(tiny(*settings, "run.name=broken"))
    assert resumed.summary["state"] == "finished"
    assert resumed.summary["reason"] is None
    assert_same_run(whole.path, resumed.path)


def command(*settings: str, root: Path) -> list[str]:
    return [sys.executable, "-m", "ganlab", "train", *TINY, f"run.root={root}", *settings]


def wait_for(condition: Callable[[], bool], process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_killed_process_goes_on_bit_for_bit(tiny: Compose, tmp_path: Path, number: signal.Signals) -> None:
    settings = ["budget.images=6400", "evaluation.every=800", "run.name=killed"]
    process = subprocess.Popen(
        command(*settings, root=tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # nohup has it ignored, in children too
    )  # fmt: skip
    folder = tmp_path / "killed"
    wait_for(lambda: any(folder.glob("checkpoints/[0-9]*.ckpt")), process)
    process.send_signal(number)
    printed, said = process.communicate(timeout=60)
    assert process.returncode != 0
    summary = json.loads((folder / "summary.json").read_text())
    if number != signal.SIGKILL:
        assert process.returncode == 130
        assert "Traceback" not in said
        assert f"to go on: ganlab train {folder}" in printed
        assert summary["state"] == "preempted"
    else:
        assert summary["state"] == "running"
    resumed = ganlab.train(tiny(*settings, f"run.root={tmp_path}"))
    whole = ganlab.train(tiny(*settings, "run.name=whole"))
    assert_same_run(whole.path, resumed.path)


def test_a_run_whose_reader_has_left_trains_on(tmp_path: Path) -> None:
    """Of a pipe, as ``ganlab train 2>&1 | head -1``; of a closed terminal after nohup it is the same."""
    process = subprocess.Popen(
        ["sh", "-c", f"{shlex.join(command('log.every=8', root=tmp_path))} 2>&1 | head -n 1"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    _, said = process.communicate(timeout=120)
    assert "Traceback" not in said
    assert RunFolder(tmp_path / "tiny").read_summary()["state"] == "finished"


def test_a_finished_run_can_be_extended(tiny: Compose) -> None:
    ganlab.train(tiny("budget.images=32"))
    longer = ganlab.train(tiny("budget.images=96"))
    assert [line["images"] for line in longer.metrics] == [16, 32, 48, 64, 80, 96]
    assert longer.summary["state"] == "finished"
    (longer.path / "samples.gif").unlink()  # as if it had been killed just before the end
    longer.folder.write_summary(state="running")
    again = ganlab.train(tiny("budget.images=96"))
    assert len(again.metrics) == 6
    assert again.summary["state"] == "finished"
    assert (again.path / "samples.gif").is_file()


def test_resuming_with_another_configuration_names_the_keys(tiny: Compose) -> None:
    ganlab.train(tiny())
    with pytest.raises(ConfigError, match=r"other values of optimizer\.generator\.lr"):
        ganlab.train(tiny("optimizer.generator.lr=0.5"))
    with pytest.raises(ConfigError, match="exists already"):
        ganlab.train(tiny("run.resume=never"))


def test_a_loss_that_is_not_finite_stops_the_run(tiny: Compose) -> None:
    """D's loss overflows first, at the first line of the log; the checkpoint saved before it survives."""
    ganlab.train(tiny("budget.images=32"))
    with pytest.raises(
        TrainingError, match=r"the (discriminator|generator)'s loss became (nan|inf|-inf) by iteration"
    ) as error:
        ganlab.train(tiny("optimizer.generator.lr=1e30", "optimizer.discriminator.lr=1e30", "run.name=hot"))
    assert str(error.value).endswith("; no checkpoint was saved before")
    hot = ganlab.load(Path(tiny().run.root) / "hot")
    assert hot.summary["state"] == "failed"
    assert hot.summary["reason"] == str(error.value)
    assert hot.folder.list_checkpoints() == []


def test_weights_that_are_not_finite_are_not_saved(tiny: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    """A NaN that no loss has shown yet: it is found before the save, and names the checkpoint to go back to."""
    real_step = GAN.training_step

    def poison(self: GAN, *arguments: Any) -> None:
        real_step(self, *arguments)
        if self.clock.iteration == 8:
            with torch.no_grad():
                self.generator.input[0].weight[0, 0] = float("nan")

    monkeypatch.setattr(GAN, "training_step", poison)
    with pytest.raises(
        TrainingError, match=r"a weight of the generator is not finite at iteration 8; .*0000000032.ckpt"
    ):
        ganlab.train(tiny())
    run = ganlab.load(Path(tiny().run.root) / "tiny")
    assert [p.name for p in run.folder.list_checkpoints()] == ["0000000032.ckpt"]


def test_unusable_checkpoints_are_refused_in_a_sentence(tiny: Compose, tmp_path: Path) -> None:
    run = ganlab.train(tiny())
    newest = run.folder.newest_checkpoint()
    whole = newest.read_bytes()

    newest.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="is corrupt or not a checkpoint at all"):
        run.sample(1)
    assert not verifies(newest)

    torch.save({"state_dict": {}}, newest)
    with pytest.raises(CheckpointError, match="was not written by ganlab"):
        run.sample(1)

    newest.write_bytes(whole)
    assert verifies(newest)
    other = ganlab.train(tiny("network.generator.width=2", "run.name=other"))
    os.replace(other.folder.newest_checkpoint(), newest)
    with pytest.raises(CheckpointError, match="does not fit"):
        run.sample(1)
    with pytest.raises(
        CheckpointError, match=r"does not fit this configuration: .* is \[.*\] there and \[.*\] here"
    ):
        ganlab.train(tiny("budget.images=128"))


def test_a_path_that_is_not_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GanlabError, match="is not a run"):
        ganlab.load(tmp_path)


def test_a_corrupt_newest_checkpoint_falls_back_to_the_one_before(
    tiny: Compose, caplog: pytest.LogCaptureFixture
) -> None:
    whole = ganlab.train(tiny("run.name=whole", "budget.images=96"))
    run = ganlab.train(tiny("run.name=torn"))
    newest = run.folder.newest_checkpoint()
    content = bytearray(newest.read_bytes())
    for position in range(len(content) // 2, len(content) // 2 + 200):  # some of it is padding
        content[position] ^= 1
    newest.write_bytes(content)
    resumed = ganlab.train(tiny("run.name=torn", "budget.images=96"))
    assert "0000000064.ckpt is corrupt; going back to the one before it" in caplog.text
    assert_same_run(whole.path, resumed.path)
    for path in resumed.folder.list_checkpoints():
        path.write_bytes(b"")
    with pytest.raises(CheckpointError, match="every checkpoint of .* is corrupt"):
        ganlab.train(tiny("run.name=torn", "budget.images=128"))


def test_runs_without_a_name_never_share_a_folder(tiny: Compose) -> None:
    runs = [ganlab.train(tiny("run.name=null", "budget.images=8", f"seed={seed}")) for seed in range(3)]
    assert len({run.path for run in runs}) == 3


def test_what_a_kill_left_is_tidied_and_every_start_is_kept(tiny: Compose) -> None:
    run = ganlab.train(tiny("budget.images=32"))
    (run.folder.checkpoints / ".host.1.abc.part").write_bytes(b"half")
    longer = ganlab.train(tiny("budget.images=64"))
    assert [p.name[0] for p in longer.folder.checkpoints.iterdir()] == ["0", "0"]
    assert len(json.loads((run.path / "environment.json").read_text())) == 2
    shorter = ganlab.train(tiny("budget.images=32"))
    assert shorter.config.budget.images == 64  # nothing was left to do, so nothing was rewritten


def test_a_generator_is_sampled_in_the_precision_it_was_trained_in(tiny: Compose) -> None:
    run = ganlab.train(tiny("trainer.precision=64-true"))
    assert next(run.generator().parameters()).dtype == torch.float64


def test_training_outside_the_main_thread(tiny: Compose) -> None:
    states = []
    thread = threading.Thread(target=lambda: states.append(ganlab.train(tiny()).summary["state"]))
    thread.start()
    thread.join()
    assert states == ["finished"]


@pytest.mark.parametrize("setting", ["trainer.devices=[3]", pytest.param("trainer=gpu", marks=NO_GPU)])
def test_hardware_that_is_not_there_is_refused_before_anything_is_written(
    tiny: Compose, setting: str
) -> None:
    cfg = tiny(setting)
    with pytest.raises(ConfigError, match=r"^trainer\.accelerator=\w+, trainer\.devices=.*: ."):
        ganlab.train(cfg)
    assert not Path(cfg.run.root).exists()


def test_a_full_disk_leaves_the_previous_checkpoint(tiny: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    run = ganlab.train(tiny("budget.images=32"))
    before = run.folder.newest_checkpoint().read_bytes()
    real_save = torch.save

    def full(obj: Any, file: Any, **options: Any) -> None:
        file.write(b"half a checkpoint")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(CheckpointError, match="cannot save the checkpoint .*: No space left on device"):
        ganlab.train(tiny("budget.images=64"))
    monkeypatch.setattr(torch, "save", real_save)
    assert [p.name for p in sorted(run.folder.checkpoints.iterdir())] == ["0000000032.ckpt"]
    assert run.folder.newest_checkpoint().read_bytes() == before
    assert ganlab.train(tiny("budget.images=64")).summary["state"] == "finished"


def test_a_dry_run_writes_nothing(tiny: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = training.dry_run(tiny())
    assert re.search(
        r"generator     [\d,]+ parameters\ndiscriminator [\d,]+ parameters\none step      .*loss/d \d", text
    )
    assert list(tmp_path.iterdir()) == []


def test_points_are_drawn_and_measured(tiny: Compose) -> None:
    keep = [s for s in TINY if not s.startswith(("data.resolution", "network.", "evaluation=", "samples"))]
    from ganlab import config

    for name in ("ring", "gaussian1d"):
        root = tiny().run.root
        run = ganlab.train(
            config.compose(
                [*keep, f"experiment={name}", f"run.root={root}", f"run.name={name}", "evaluation.n_fake=50"]
            )
        )
        assert "eval/modes" in run.metrics[-1]
        pixels = np.asarray(Image.open(run.folder.sample_grids()[-1]).convert("RGB"))
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20
        assert run.sample(4).shape == (4, {"ring": 2, "gaussian1d": 1}[name])


def test_a_run_that_is_stopped_during_its_first_evaluation_is_saved(
    tiny: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ganlab.evaluation import ImageEvaluation

    measure = ImageEvaluation.__call__

    def stopped(self: ImageEvaluation, *arguments: Any, **options: Any) -> Any:
        signal.raise_signal(signal.SIGTERM)
        return measure(self, *arguments, **options)

    monkeypatch.setattr(ImageEvaluation, "__call__", stopped)
    run = ganlab.train(tiny("evaluation=digits", "evaluation.n_fake=40"))
    assert run.summary["state"] == "preempted"
    assert [path.name for path in run.folder.list_checkpoints()] == ["0000000008.ckpt"]
