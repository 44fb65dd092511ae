"""The best checkpoint is kept, found again after a kill, and measured on samples that had no part in the choice."""

import hashlib
import json
import os
from pathlib import Path

import pytest

import ganlab
from ganlab import config
from ganlab.cli import main
from ganlab.commands.train import evaluation_share
from ganlab.runs import RunFolder
from tests.conftest import TINY, crash_after


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANLAB_CACHE", str(cache))


WORDS = (
    "evaluation=digits",
    "evaluation.n_fake=40",
    "evaluation.every=16",
    "checkpoint.every=32",
    "checkpoint.keep=1",
)


def test_the_best_is_kept_and_measured_afresh(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [*TINY, f"run.root={tmp_path}", *WORDS, "selection.seeds=2", "selection.n_fake=50"]
    assert main(["train", *words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    run = ganlab.load(tmp_path / "tiny")
    all_distances = {
        line["images"]: line["eval/fid_digits"] for line in run.metrics if "eval/fid_digits" in line
    }
    distances = {images: distance for images, distance in all_distances.items() if images}
    assert sorted(distances) == [16, 32, 48, 64]
    best = min(distances, key=lambda images: distances[images])
    kept = ganlab.load(run.folder.best_checkpoint)
    assert kept.images == best
    assert kept.evaluate(metrics=["fid"]).metrics["fid_digits"] == pytest.approx(distances[best], rel=1e-6)
    assert [path.stem for path in run.folder.list_checkpoints()][-1] == "0000000064"

    selection = told["selection"]
    assert selection == run.summary["selection"]
    assert selection["metric"] == "fid_digits"
    protocols = {which: selection[which]["protocol"] for which in ("last", "best")}
    assert (protocols["last"]["images"], protocols["best"]["images"]) == (64, best)
    assert (protocols["best"]["seed"], protocols["best"]["n_fake"]) == ([1, 2], 50)
    digest = hashlib.sha256(run.folder.best_checkpoint.read_bytes()).hexdigest()
    assert (protocols["best"]["checkpoint_sha256"], protocols["best"]["weights_averaged"]) == (digest, True)
    assert selection["seconds"] > 0
    assert told["best_images"]["fid_digits"] == min(all_distances, key=lambda images: all_distances[images])
    by_seeds = kept.evaluate(["evaluation.n_fake=50"], metrics=["fid"], seeds=2)
    assert by_seeds.protocol == protocols["best"]  # the seed that chose it is not among them
    monkeypatch.chdir(tmp_path)
    named = ganlab.load("tiny/best.ckpt").evaluate(["evaluation.n_fake=50"], metrics=["fid"], seeds=2)
    assert named.protocol["seed"] == [1, 2]
    assert run.evaluate(["evaluation.n_fake=50"], metrics=["fid"], seeds=2).protocol["seed"] == [0, 1]
    again = kept.evaluate(["evaluation.seed=1", "evaluation.n_fake=50"], metrics=["fid"], seeds=2)
    assert selection["best"]["value"] == pytest.approx(again.metrics["fid_digits"], rel=1e-6)
    assert selection["best"]["spread"] == pytest.approx(again.spread["fid_digits"], rel=1e-4)


def test_last_words_tell_samples_cost_and_choice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        *TINY,
        f"run.root={tmp_path}",
        *WORDS,
        "budget.images=32",
        "selection.seeds=1",
        "selection.n_fake=50",
    ]
    assert main(["train", *words]) == 0
    said = capsys.readouterr().out
    assert "  40 samples (final: 50) an evaluation, which took " in said
    assert "% of the time\n  on 1 times 50 fresh samples, fid_digits: " in said
    assert f" images ({tmp_path}/tiny/best.ckpt)\n" in said


def test_evaluations_share_of_the_time() -> None:
    lines = [
        {"images": 0, "time/evaluation_s": 1.0}, {"images": 100, "time/images_per_s": 50.0, "loss/d": 1.0},
        {"images": 100, "time/evaluation_s": 2.0}, {"images": 300, "time/images_per_s": 40.0},
    ]  # fmt: skip
    assert evaluation_share(lines) == pytest.approx(3 / (3 + 2 + 5))
    assert evaluation_share(lines, at_the_end=10) == pytest.approx(13 / (13 + 2 + 5))
    assert evaluation_share(lines[1:2]) is None


def test_inception_takes_fewer_samples_while_it_trains() -> None:
    cfg = config.compose(["evaluation=inception"])
    assert (cfg.evaluation.n_fake, cfg.selection.n_fake) == (10_000, 50_000)
    assert config.compose(["evaluation=inception", "selection.n_fake=9"]).selection.n_fake == 9


def test_a_crash_between_checkpoint_and_best_is_mended(tmp_path: Path) -> None:
    words = [*TINY, f"run.root={tmp_path}", *WORDS, "selection.seeds=0"]
    whole = ganlab.train(config.compose([*words, "run.name=whole"]))
    assert "selection" not in whole.summary
    cfg = config.compose([*words, "run.name=torn"])
    crash_after(7, cfg)
    folder = RunFolder(tmp_path / "torn")
    images = ganlab.load(folder.best_checkpoint).images
    if folder.checkpoint(images).is_file():
        folder.best_checkpoint.unlink()  # as if killed before it had its second name
    resumed = ganlab.train(config.compose([*words, "run.name=torn"]))
    assert (
        ganlab.load(resumed.folder.best_checkpoint).images == ganlab.load(whole.folder.best_checkpoint).images
    )
    assert resumed.summary["final"] == whole.summary["final"]


def test_a_disk_without_links_keeps_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunFolder(tmp_path)
    folder.checkpoints.mkdir()
    folder.checkpoint(5).write_text("weights")

    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    folder.keep_as_best(5)
    folder.keep_as_best(7)  # there is none: nothing happens
    assert folder.best_checkpoint.read_text() == "weights"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.ckpt", "checkpoints"]
