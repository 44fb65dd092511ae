"""A damaged run is named with its reason, and costs the others nothing: not a number, not a place, not the page."""

import csv
import io
import json
import math
import os
import shutil
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ganlab import cli
from ganlab.report.reading import read_run
from ganlab.runs import RunFolder
from tests.report.damage import damaged_runs
from tests.report.folders import PROTOCOL, made_run, selection

FIDS = (12.0, 14.5, 11.0)
RANKED = "| non\\_saturating | 3 of 3 | 12.5 ± 4.5 |"


@dataclass(frozen=True)
class Told:
    """What the commands wrote: Markdown, rows of the CSV by name, data of the page."""

    text: str
    rows: dict[str, dict[str, str]]
    data: dict[str, Any]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run to damage, ``bad``, and beside it in ``runs`` three that stay whole."""
    root = tmp_path_factory.mktemp("whole")
    for seed, fid in enumerate(FIDS):
        made_run(root / "runs", f"whole-{seed}", f"seed={seed}", fid=(40.0, fid))
    bad = made_run(root, "bad", "seed=7", "objective=hinge", grids=True)
    bad.write_summary(selection=selection(15, 13, images=1000))
    return root


def told(runs: Path) -> Told:
    page, table, text = (runs.parent / name for name in ("page.html", "runs.csv", "ranking.md"))
    words = ["--out", str(page), "--csv", str(table), "--md", str(text), "--by", "loss"]
    for command in (["report", str(runs), *words], ["runs", str(runs)], ["runs", str(runs), "--json"]):
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            assert cli.main(command) == 0
        out.getvalue().encode()
        assert "--json" in command or err.getvalue() == ""
    strict(out.getvalue())
    rows = {
        Path(row["path"]).name: row for row in csv.DictReader(io.StringIO(table.read_text(encoding="utf-8")))
    }
    data = page.read_text(encoding="utf-8").partition('id="data">')[2].partition("</script>")[0]
    return Told(text.read_text(encoding="utf-8"), rows, strict(data))


def strict(text: str) -> Any:
    """JSON as browsers read it, which know no NaN."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} in JSON")

    return json.loads(text, parse_constant=refuse)


def test_damage_at_random_spoils_nothing(whole: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(whole / "runs", runs)
    damaged_runs(whole / "bad", runs, range(60))
    found = told(runs)
    assert RANKED in found.text
    for seed, fid in enumerate(FIDS):
        row = found.rows[f"whole-{seed}"]
        assert (row["loss"], row["seed"], float(row["fid_digits"])) == ("non_saturating", str(seed), fid)
    problems = {path.name: read_run(path).problems for path in runs.iterdir()}
    assert sum(map(bool, problems.values())) > 30
    shown = {run["name"]: run for run in found.data["runs"]}
    left_out = {Path(repeat["path"]).name for run in found.data["runs"] for repeat in run["repeats"]}
    assert shown.keys() | left_out == problems.keys()
    assert not any(problems[name] for name in left_out)
    for name in shown.keys() - {"whole-0", "whole-1", "whole-2"}:
        assert shown[name]["problems"] == list(problems[name])
        assert not problems[name] or f"- {name} (" in found.text


def in_yaml(content: str) -> Any:
    return lambda folder: folder.config.write_text(content)


def in_summary(**changes: Any) -> Any:
    return lambda folder: folder.write_summary(**changes)


def in_starts(content: str) -> Any:
    return lambda folder: folder.environment.write_text(content)


def edited(old: str, new: str) -> Any:
    def edit(folder: RunFolder) -> None:
        text = folder.config.read_text()
        assert old in text
        folder.config.write_text(text.replace(old, new))

    return edit


def a_pipe(folder: RunFolder) -> None:
    folder.config.unlink()
    os.mkfifo(folder.config)


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
DAMAGES = {
    "itself": (in_yaml("seed: 1\nrun: &r\n  notes: *r\n"), "config.yaml is damaged: *r contains itself"),
    "bomb": (in_yaml(BOMB), "config.yaml is damaged: it has more than 10,000 values"),
    "deep yaml": (in_yaml("a: " + "[" * 50_000), "config.yaml is damaged: it nests more than 32 levels deep"),
    "no mapping": (in_yaml("- 1\n"), "config.yaml is damaged: it is not a mapping"),
    "no such day": (in_yaml("seed: 2020-02-30\n"), "config.yaml is damaged: day is out of range for month"),
    "nodes": (edited("num_nodes: 1", "num_nodes: null"), "config.yaml: trainer.num_nodes is not a number of nodes"),
    "devices": (edited("devices: 1", "devices: -.inf"), "config.yaml: trainer.devices is not a number of devices"),
    "budget": (edited("  images: 3000", "  images: 3000.5"), "config.yaml: budget.images is not a number of images"),
    "pipe": (a_pipe, "config.yaml is not a file"),
    "protocol": (
        in_summary(protocol={**PROTOCOL, "deep": [{"n": math.nan}]}),
        "summary.json: protocol is not a mapping of finite values",
    ),
    "endless images": (in_summary(images=10**30), "summary.json: images is not a number of images"),
    "images": (in_summary(images=True), "summary.json: images is not a number of images"),
    "reason": (in_summary(reason=["x"]), "summary.json: reason is not text"),
    "state": (
        in_summary(state={}),
        "summary.json: state is not one of running, finished, preempted, failed, stale, unknown",
    ),
    "metric": (in_summary(final={"fid_digits": "9", "x\ud800": None}), "summary.json: final: fid_digits is not a number"),
    "deep json": (in_starts("[" * 100_000), "environment.json is damaged: it nests more than 32 levels deep"),
    "deeper than a page": (
        in_starts("[" * 40 + "]" * 40),
        "environment.json is damaged: it nests more than 32 levels deep",
    ),
    "process": (in_starts('[{"process": {"pid": null}}]'), "environment.json: process is not a process with its number"),
    "torn": (in_starts('[{"started"'), "environment.json is damaged: line 1, column 12: Expecting ':' delimiter"),
}  # fmt: skip


@pytest.fixture(scope="module")
def damages(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """All of them in one report."""
    runs = tmp_path_factory.mktemp("damages") / "runs"
    shutil.copytree(whole / "runs", runs)
    for name, (damage, _) in DAMAGES.items():
        damage(RunFolder(shutil.copytree(whole / "bad", runs / name)))
    return told(runs)


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_damaged_is_said_and_the_rest_is_shown(name: str, damages: Told) -> None:
    assert RANKED in damages.text
    (run,) = [run for run in damages.data["runs"] if run["name"] == name]
    assert run["problems"] == [DAMAGES[name][1]]
    assert f"- {name} (" in damages.text


def test_text_that_no_page_takes_is_replaced(whole: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(whole / "runs", runs)
    folder = RunFolder(shutil.copytree(whole / "bad", runs / os.fsdecode(b"caf\xe9")))
    metrics = {"fid_digits": 9.0, "\udcff": 3.0, "path": 4.0, "nan": math.nan}
    folder.write_summary(
        state="failed", reason="\ud800 at \x1b[31m step", final=metrics, best={"\udcff": 2.0}
    )
    folder.append_metrics(
        {"images": 4000, "eval/\udcff": 1e308, "loss/d": -1e-310, "time/images_per_s": 1e-320}
    )
    found = told(runs)
    row = found.rows["caf\ufffd"]
    assert (row["reason"], row["\ufffd"], row["best_\ufffd"], row["metric:path"]) == (
        "\ufffd at \ufffd[31m step", "3.0", "2.0", "4.0",
    )  # fmt: skip
    (run,) = [run for run in found.data["runs"] if run["name"] == "caf\ufffd"]
    assert run["curves"]["\ufffd"] == [[], []]  # beyond all numbers that can be squared
    assert run["health"]["loss/d"][1][-1] == 0
    assert (run["final"]["nan"], run["final"]["path"]) == (None, 4)
    assert RANKED in found.text


def test_a_word_that_is_not_utf8_ends_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ["runs", "runs/caf\udce9"],
        ["train", "run.name=\udcff"],
        ["\udcff"],
        ["report", "--out", "\udcff"],
    ):
        assert cli.main(words) == 2
        err = capsys.readouterr().err
        assert err.startswith(f"ganlab: {words[-1]!a} is not text in UTF-8; rename what it names")
        assert err.count("\n") == 1
