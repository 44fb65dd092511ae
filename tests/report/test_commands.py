"""`ganlab runs` and `ganlab report` as a person meets them."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ganlab import cli
from ganlab.protocol import fingerprint
from ganlab.report.page import asset
from ganlab.runs import RunFolder
from tests.report.folders import PROTOCOL, made_run, selection


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    root = tmp_path / "runs"
    for seed, fid in enumerate((12.0, 14.5, 11.0)):
        made_run(root, f"hinge-{seed}", "objective=hinge", f"seed={seed}", fid=(40.0, fid))
        made_run(
            root,
            f"lr=1e-4,{seed}",
            "optimizer.generator.lr=1e-4",
            f"seed={seed}",
            fid=(40.0, 2 * fid + seed**2),
        )
    RunFolder(root / "hinge-1").write_summary(selection=selection(15.25, 13.5, images=1000))
    # of some other version
    RunFolder(root / "hinge-2").write_summary(selection={"metric": "fid_digits", "last": 3})
    finding = {"rule": "overflow_near", "sentence": "too large", "remedy": "lower rates"}
    RunFolder(root / "hinge-0").write_summary(
        health=[{**finding, "first_images": 1000, "last_images": 2000}, {"rule": "torn"}, 3]
    )
    made_run(root, "bad", "seed=7", fid=(60.0,), state="failed", reason="loss became nan | <b>")
    made_run(root, "few", "seed=8", protocol={**PROTOCOL, "n_fake": 50})
    return root


def test_runs_lists_state_progress_and_best(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made_run(runs / "deep", "preempted", state="preempted").write_summary(images=1500)
    assert cli.main(["runs", str(runs)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["run", "state", "progress", "images", "best", "last", "written"]
    assert lines[1].split()[:6] == ["bad", "failed", "100%", "1,000", "fid_digits", "60"]
    assert lines[2] == "    loss became nan | <b>"
    assert [line.split()[0] for line in lines[3:]] == [
        "deep/preempted",
        "few",
        *(f"hinge-{i}" for i in range(3)),
        *(f"lr=1e-4,{i}" for i in range(3)),
    ]


def test_runs_as_json(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["runs", str(runs), "--json"]) == 0
    entries = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)["runs"]}
    assert len(entries) == 8
    bad = entries["bad"]
    assert (bad["state"], bad["reason"], bad["progress"]) == ("failed", "loss became nan | <b>", 1.0)
    assert entries["hinge-1"]["best"] == {"fid_digits": 14.5, "is_digits": pytest.approx(8.55)}
    assert entries["hinge-1"]["problems"] == []


def test_runs_of_an_empty_and_of_a_missing_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["runs", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"runs": []}
    assert cli.main(["runs", str(tmp_path / "none")]) == 1
    assert capsys.readouterr().err == f"ganlab: there is no folder {tmp_path / 'none'}\n"


def test_report_writes_a_page_here_unless_told_otherwise(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["report", str(runs / "lr=1e-4,0")]) == 0
    assert capsys.readouterr().out == "1 run: report.html\n"
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")
    assert cli.main(["report", "runs", "--csv", "sub/runs.csv", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "runs": 8, "left_out": [], "written": ["sub/runs.csv"],
    }  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "runs", "sub"]


def test_csv_has_a_row_for_every_run(runs: Path, tmp_path: Path) -> None:
    assert cli.main(["report", str(runs), "--csv", str(tmp_path / "runs.csv")]) == 0
    with (tmp_path / "runs.csv").open() as file:
        rows = {Path(row["path"]).name: row for row in csv.DictReader(file)}
    assert len(rows) == 8
    one = rows["lr=1e-4,2"]
    assert (one["seed"], one["optimizer.generator.lr"], one["state"], one["protocol"]) == (
        "2",
        "0.0001",
        "finished",
        fingerprint(PROTOCOL),
    )
    assert (one["loss"], one["extractor"], one["n_fake"], one["reference"]) == (
        "non_saturating",
        "digits",
        "900",
        "digits/train",
    )
    assert (float(one["fid_digits"]), float(one["best_fid_digits"])) == (26.0, 26.0)
    assert (int(one["images"]), int(one["g_steps"]), float(one["device_seconds"])) == (2000, 20, 4.0)
    fresh = {name: value for name, value in rows["hinge-1"].items() if name.startswith("fresh_")}
    assert fresh == {
        "fresh_metric": "fid_digits", "fresh_last": "15.25", "fresh_best": "13.5", "fresh_images": "1000",
        "fresh_samples": "3 x 5,000",
    }  # fmt: skip
    assert rows["hinge-2"]["fresh_last"] == ""
    assert rows["few"]["protocol"] == fingerprint({**PROTOCOL, "n_fake": 50}) != one["protocol"]
    assert (rows["few"]["n_fake"], rows["hinge-0"]["loss"]) == ("50", "hinge")
    assert rows["bad"]["reason"] == "loss became nan | <b>"


def test_markdown_ranks_protocols_apart(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "ranking.md"
    assert cli.main(["report", str(runs), "--md", str(out), "--by", "loss", "--metric", "fid"]) == 0
    first, second = out.read_text().split("## Protocol 1: fid_digits by loss")[1].split("## Protocol 2")
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in first.splitlines()
        if line.startswith("|")
    ]
    assert rows[0][3:7] == ["fid\\_digits", "images", "G steps", "device-s"]
    assert rows[2][:7] == ["1", "hinge", "3 of 3", "12.5 ± 4.5", "2,000", "20", "4"]
    assert rows[3][:3] == ["2", "non\\_saturating", "3 of 4"]
    assert rows[6][:2] == ["hinge", "non\\_saturating"]
    assert rows[6][3:5] == ["3 and 3", "paired"]
    assert "| 1 | non\\_saturating | 1 of 1 | 10 | 3,000 | 30 | 6 |" in second
    assert "- hinge-0: overflow\\_near, 1,000 to 2,000 images: too large; try lower rates" in second
    assert "| hinge-1 | fid\\_digits | 15.25 | 13.5 | 1000 | 3 x 5,000 |" in second
    assert "- bad (failed): loss became nan \\| &lt;b>" in second
    assert "They differ in n_fake; their numbers are not ranked together." in second


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["report"], 2, "ganlab: report needs runs, or folders with runs: ganlab report runs (see ganlab report --help)"),
        (["report", "nowhere"], 1, "ganlab: there is no folder nowhere"),
        (["report", "."], 1, "ganlab: there is no run in ."),
        (["report", "runs", "--metric", "loss/d"], 1, "ganlab: no metric 'loss/d' to rank by; there is fid_digits, is_digits"),
        (["report", "runs", "--by", "penalties"], 1, "ganlab: no run has the key 'penalties'; group by setting, loss or a key of config.yaml"),
        (["runs", "runs", "a=1"], 2, "ganlab: runs takes no settings, got 'a=1' (see ganlab runs --help)"),
    ],
)  # fmt: skip
def test_bad_words_are_refused_in_a_sentence(
    words: list[str], code: int, message: str, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    folder = tmp_path if "runs" in words else tmp_path / "empty"
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)
    assert cli.main(words) == code
    assert capsys.readouterr().err.strip() == message
    assert not (folder / "report.html").exists()


def test_a_page_that_cannot_be_written_is_said(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert cli.main(["report", str(runs), "--out", str(tmp_path / "file" / "page.html")]) == 1
    assert "cannot write" in capsys.readouterr().err


def test_neither_needs_torch(runs: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "page.html")
    code = (
        "import sys; from ganlab.cli import main\n"
        f"main(['runs', {str(runs)!r}]); main(['report', {str(runs)!r}, '--out', {out!r}])\n"
        "print([m for m in ('torch', 'lightning', 'torchmetrics', 'wandb') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_page_forbids_itself_all_requests(runs: Path, tmp_path: Path) -> None:
    assert cli.main(["report", str(runs), "--out", str(tmp_path / "page.html")]) == 0
    (policy,) = re.findall(
        r'Content-Security-Policy" content="([^"]*)"', (tmp_path / "page.html").read_text()
    )
    assert policy.startswith("default-src 'none';")
    assert "unsafe-inline" not in policy.replace("style-src 'unsafe-inline'", "")
    assert re.findall(r"""(?:src|href)=["'](?!data:|#)[^"']*["']""", asset("page.html")) == []
