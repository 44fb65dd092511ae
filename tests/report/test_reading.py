"""A run is read as far as it goes: clocks, torn lines, missing files, states."""

import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ganlab.errors import GanlabError
from ganlab.report.finding import find_runs
from ganlab.report.page import page
from ganlab.report.payload import payload
from ganlab.report.reading import read_run, read_runs
from ganlab.report.tables import csv_table, markdown
from ganlab.runs import RunFolder, has_died, process
from tests.report.folders import lines, made_run


def test_curves_on_three_clocks(tmp_path: Path) -> None:
    folder = made_run(tmp_path, "a", "seed=3", fid=(30.0, 20.0))
    folder.append_metrics(
        {"images": 4000, "iteration": 40, "loss/d": 0.1, "time/images_per_s": 250.0, "time/devices": 2}
    )
    folder.append_metrics({"images": 5000, "iteration": 50, "eval/fid_digits": 7.0})
    run = read_run(folder.path)
    loss = run.curves["loss/d"]
    assert loss.images.tolist() == [1000, 2000, 4000]
    assert loss.iteration.tolist() == [10, 20, 40]
    assert loss.seconds.tolist() == [2, 4, 20]  # 1000/500, +1000/500, +2000/250 on two devices
    fid = run.curves["eval/fid_digits"]
    assert fid.value.tolist() == [30, 20, 7]
    # after the last line of the log, at its speed
    assert fid.seconds[-1] == pytest.approx(20 + 1000 / 250 * 2)
    assert run.last == (50, pytest.approx(28))
    assert run.seed == "3"


def test_the_last_of_equal_clocks_counts(tmp_path: Path) -> None:
    folder = made_run(tmp_path, "a", fid=(30.0,))
    folder.append_metrics({"images": 1000, "iteration": 10, "loss/d": 8.0})
    folder.append_metrics({"images": 500, "iteration": 5, "loss/d": 9.0})  # whatever order they stand in
    assert read_run(folder.path).curves["loss/d"].value.tolist() == [9.0, 8.0]


def test_no_speed_no_seconds(tmp_path: Path) -> None:
    folder = made_run(tmp_path, "a")
    kept = [{k: v for k, v in line.items() if not k.startswith("time/")} for line in lines(folder)]
    folder.metrics.write_text("".join(json.dumps(line) + "\n" for line in kept))
    run = read_run(folder.path)
    assert np.isnan(run.curves["loss/g"].seconds).all()
    assert run.last == (30, None)


def test_torn_lines_are_passed_over(tmp_path: Path) -> None:
    folder = made_run(tmp_path, "a")
    first, *rest = folder.metrics.read_text().splitlines()
    torn = [first, rest[0][:20], '{"images": "many"}', "17", *rest[1:], '{"images": 9000, "loss/d']
    folder.metrics.write_bytes("\n".join(torn).encode() + b"\xff\xfe")
    run = read_run(folder.path)
    assert run.curves["loss/d"].images.tolist() == [1000, 2000, 3000]
    assert run.curves["eval/fid_digits"].images.tolist() == [2000, 3000]
    assert run.problems == ()


@pytest.mark.parametrize(
    ("line", "images"),
    [
        ('{"images": 4000, "iteration": "forty", "loss/d": 7.5}', 4000),
        ('{"images": 4000, "iteration": null, "loss/d": 7.5}', 4000),
        ('{"images": 4000, "iteration": 40, "loss/d": 7.5, "loss/g": ' + "9" * 400 + "}", 4000),
        ('{"images": 4000, "loss/d": 7.5, "loss/g": "high", "time/images_per_s": null}', 4000),
        ('{"images": ' + "9" * 30 + ', "loss/d": 7.5}', 3000),
        ('{"images": true, "loss/d": 7.5}', 3000),
        ('{"images": -5, "loss/d": 7.5}', 3000),
    ],
)
def test_odd_values_cost_no_more_than_themselves(tmp_path: Path, line: str, images: int) -> None:
    folder = made_run(tmp_path, "a")
    with folder.metrics.open("a") as file:
        file.write(line + "\n")
    run = read_run(folder.path)
    loss = run.curves["loss/d"]
    assert (loss.images[-1], loss.value[-1]) == (images, 7.5 if images == 4000 else pytest.approx(1 / 3))
    assert run.curves["loss/g"].images[-1] == 3000
    assert run.state.images == images
    page(payload([run], by="setting", metric=None))


@pytest.mark.parametrize("seed", ["[1, 2]", "{a: 1}", ".nan", ".inf", "2020-01-01", "null"])
def test_odd_seeds_are_said_as_they_are(tmp_path: Path, seed: str) -> None:
    folders = [made_run(tmp_path, name) for name in "ab"]
    folders[0].config.write_text(f"seed: {seed}\nother: .nan\n")
    runs = [read_run(folder.path) for folder in folders]
    assert all(f'"{name}"' in page(payload(runs, by="seed", metric=None)) for name in "ab")
    assert len(csv_table(runs).splitlines()) == 3  # the head and both runs
    assert markdown(runs, by="seed", metric=None)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("config.yaml", "no config.yaml"),
        ("summary.json", "no summary.json"),
        ("environment.json", "no environment.json"),
        ("metrics.jsonl", "no metrics.jsonl"),
    ],
)
def test_half_deleted_folders_say_what_is_missing(tmp_path: Path, name: str, problem: str) -> None:
    folder = made_run(tmp_path, "a", grids=True)
    (folder.path / name).unlink()
    assert find_runs([tmp_path]) == [folder.path]
    assert read_run(folder.path).problems == (problem,)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    folder = made_run(tmp_path, "a")
    (folder.path / "summary.json").write_text('{"state": "fin')
    folder.config.write_text("seed: [1, 2\n")
    (folder.path / "environment.json").write_text("[1]")
    run = read_run(folder.path)
    assert run.problems == (
        "summary.json is damaged: line 1, column 11: Unterminated string starting at",
        "config.yaml is damaged: line 2, column 1: did not find expected ',' or ']'",
        "environment.json is damaged: it is not a list of starts",
    )
    assert run.state.name == "unknown"
    assert run.state.images == 3000  # the log knows
    assert len(run.curves["eval/fid_digits"]) == 3
    assert run.protocol is None


def test_values_that_are_not_finite_stay_apart(tmp_path: Path) -> None:
    folder = made_run(tmp_path, "a")
    folder.append_metrics({"images": 4000, "iteration": 40, "loss/d": math.nan, "loss/g": math.inf})
    curves = read_run(folder.path).curves
    assert math.isnan(curves["loss/d"].value[-1])
    assert curves["loss/g"].value[-1] == math.inf


def test_runs_are_found_once_and_not_inside_each_other(tmp_path: Path) -> None:
    made_run(tmp_path / "sweep", "b")
    made_run(tmp_path, "a")
    made_run(tmp_path / "a" / "wandb", "not-a-run-of-ours")
    (tmp_path / "notes").mkdir()
    found = find_runs([tmp_path, tmp_path / "a", f"{tmp_path}/sweep/../sweep"])
    assert [path.name for path in found] == ["a", "b"]


def test_places_without_runs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GanlabError, match="there is no folder .*nowhere"):
        find_runs([tmp_path / "nowhere"])
    with pytest.raises(GanlabError, match="there is no run in "):
        find_runs([tmp_path])
    (tmp_path / "empty" / "checkpoints").mkdir(parents=True)
    (tmp_path / "empty" / "samples").mkdir()
    with pytest.raises(GanlabError, match="none of these runs can be read: no summary.json; no config.yaml"):
        read_runs(find_runs([tmp_path]))


def rewritten(folder: RunFolder, **changes: object) -> None:
    """Change the last start of a run in environment.json."""
    starts = json.loads((folder.path / "environment.json").read_text())
    starts[-1] |= changes
    (folder.path / "environment.json").write_text(json.dumps(starts))


def test_a_running_run_whose_process_is_gone_is_stale(tmp_path: Path) -> None:
    folder = made_run(tmp_path, "a", state="running")
    assert read_run(folder.path).state.name == "running"  # this process wrote it, and lives
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    rewritten(folder, process=process(child.pid))
    assert read_run(folder.path).state.name == "running"
    child.communicate(b"\n")
    state = read_run(folder.path).state
    assert state.name == "stale"
    assert state.reason == f"process {child.pid} is gone without a word"


def test_a_process_on_another_machine_is_judged_by_its_silence(tmp_path: Path) -> None:
    folder = made_run(tmp_path, "a", state="running", speed=500.0)
    gone = {"pid": 2**22 + 1, "started": "1", "namespace": "pid:[1]", "boot": "another"}
    assert not has_died(gone)
    rewritten(folder, process=gone)
    assert read_run(folder.path).state.name == "running"
    silent(folder, 16 * 60)
    state = read_run(folder.path).state
    assert (state.name, state.reason) == ("stale", "nothing written for 16 min")
    # long work: more patience
    folder.append_metrics({"images": 4000, "iteration": 40, "time/evaluation_s": 600.0})
    silent(folder, 90 * 60)
    assert read_run(folder.path).state.name == "running"
    silent(folder, 101 * 60)
    assert read_run(folder.path).state.name == "stale"


def silent(folder: RunFolder, seconds: float) -> None:
    then = time.time() - seconds
    for path in [folder.path, *folder.path.rglob("*")]:
        os.utime(path, (then, then))


def test_progress_and_states(tmp_path: Path) -> None:
    folder = made_run(tmp_path, "a", state="failed", reason="the loss became nan")
    folder.write_summary(images=1500)
    (folder.path / "metrics.jsonl").write_text("")
    state = read_run(folder.path).state
    assert (state.name, state.reason, state.images, state.budget) == (
        "failed",
        "the loss became nan",
        1500,
        3000,
    )
    assert state.progress == 0.5
    folder.write_summary(state="singing")
    assert read_run(folder.path).state.name == "unknown"
