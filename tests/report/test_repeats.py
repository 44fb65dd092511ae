"""A seed is one observation however many folders tell of it: copies and reruns are shown once, and said."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from ganlab import cli
from ganlab.report.comparison import group, pairs
from ganlab.report.finding import find_runs
from ganlab.report.reading import RunRecord, read_runs
from ganlab.report.repeats import once, said
from ganlab.runs import RunFolder
from tests.report.folders import PROTOCOL, made_run


def kept(root: Path) -> list[RunRecord]:
    return once(read_runs(find_runs([root])))


def names(runs: list[RunRecord]) -> dict[str, list[str]]:
    return {run.name: [other.name for other in run.repeats] for run in runs}


def started(folder: RunFolder, **told: object) -> RunFolder:
    """As if it had been started at another time, or on other data."""
    (start,) = json.loads(folder.environment.read_text())
    folder.environment.write_text(json.dumps([{**start, **told}]))
    return folder


@pytest.fixture
def four(tmp_path: Path) -> Path:
    """Four runs of two seeds: a copy of the one, the other trained a second time; and three seeds of another loss."""
    root = tmp_path / "runs"
    a0 = made_run(root, "a0", "seed=0", fid=(700.0, 676.0))
    shutil.copytree(a0.path, root / "copy of a0")
    started(made_run(root, "a1", "seed=1", fid=(900.0, 848.0)), started="2026-01-01")
    started(
        made_run(root, "a1-again", "seed=1", "data.root=/scratch/2", fid=(900.0, 848.5)), started="2026-01-02"
    )
    for seed, fid in enumerate((500.0, 510.0, 530.0)):
        made_run(root, f"h{seed}", "objective=hinge", f"seed={seed}", fid=(fid,))
    return root


def test_four_runs_of_two_seeds_are_two(four: Path) -> None:
    runs = kept(four)
    assert names(runs) == {"a0": ["copy of a0"], "a1": ["a1-again"], "h0": [], "h1": [], "h2": []}
    assert said(runs) == [
        f"a0 stands for {four}/copy of a0 (copy)",
        f"a1 stands for {four}/a1-again (rerun)",
    ]
    hinge, other = group(runs, by="loss", metric="fid_digits")
    assert (other.mean.value, other.mean.n, other.mean.half, len(other.runs)) == (762.0, 2, None, 2)
    (pair,) = pairs([hinge, other])
    assert (pair.verdict, pair.difference.n) == (None, (3, 2))


def test_every_output_says_so(four: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, text = four.parent / "runs.csv", four.parent / "ranking.md"
    words = ["report", str(four), "--csv", str(table), "--md", str(text)]
    assert cli.main(words) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"5 runs: {table}",
        f"5 runs: {text}",
        f"  a0 stands for {four}/copy of a0 (copy)",
        f"  a1 stands for {four}/a1-again (rerun)",
    ]
    with table.open() as file:
        rows = {Path(row["path"]).name: row["repeats"] for row in csv.DictReader(file)}
    assert rows == {"a0": f"{four}/copy of a0", "a1": f"{four}/a1-again", "h0": "", "h1": "", "h2": ""}
    assert "| 2 | non\\_saturating | 2 of 2 | 762 |" in text.read_text()
    assert f"- a1 stands for {four}/a1-again (rerun)" in text.read_text().replace("\\_", "_")
    assert cli.main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["left_out"] == [f"{four}/copy of a0", f"{four}/a1-again"]


def test_three_copies_are_one_run(tmp_path: Path) -> None:
    a = made_run(tmp_path, "a", fid=(30.0, 20.0))
    for name in ("b", "c"):
        shutil.copytree(a.path, tmp_path / name)
    runs = kept(tmp_path)
    assert names(runs) == {"a": ["b", "c"]}
    (one,) = group(runs, by="setting", metric="fid_digits")
    assert (one.mean.value, one.mean.half, one.mean.n) == (20.0, None, 1)


def test_the_copy_that_came_furthest_is_kept(tmp_path: Path) -> None:
    a = made_run(tmp_path, "a", fid=(30.0, 20.0), state="preempted")
    went_on = RunFolder(shutil.copytree(a.path, tmp_path / "b"))
    went_on.write_summary(state="finished")
    assert names(kept(tmp_path)) == {"b": ["a"]}


def test_the_original_stands_for_its_copies_whatever_they_are_called(tmp_path: Path) -> None:
    original = made_run(tmp_path, "mine", fid=(20.0,))
    for name in ("a copy", "z copy"):
        shutil.copytree(original.path, tmp_path / name)
    assert names(kept(tmp_path)) == {"mine": ["a copy", "z copy"]}


def test_copies_whose_configuration_is_gone_are_known_by_their_logs(tmp_path: Path) -> None:
    for name, fid in {"a": 20.0, "b": 21.0}.items():
        made_run(tmp_path, name, f"seed={fid:.0f}", fid=(fid,)).config.unlink()
    shutil.copytree(tmp_path / "a", tmp_path / "a2")
    (unknown,) = group(kept(tmp_path), by="loss", metric="fid_digits")
    assert (unknown.name, [value for _, value in unknown.values]) == ("unknown", [20.0, 21.0])
    assert [run.name for run in unknown.again] == ["a2"]  # damaged, so it stays in sight


def test_one_seed_at_two_budgets_counts_once_in_a_group(tmp_path: Path) -> None:
    """A run that was copied and went on for longer is another setting, and in a group of both no other draw."""
    for seed in range(3):
        made_run(tmp_path, f"short-{seed}", f"seed={seed}", fid=(30.0, 20.0 + seed))
        made_run(tmp_path, f"long-{seed}", f"seed={seed}", fid=(30.0, 20.0 + seed, 10.0 + 2 * seed))
    runs = kept(tmp_path)
    assert not any(run.repeats for run in runs)
    long, short = group(runs, by="budget.images", metric="fid_digits")
    assert (long.mean.value, long.mean.n, short.mean.value, short.mean.n) == (12.0, 3, 21.0, 3)
    (both,) = group(runs, by="loss", metric="fid_digits")
    assert (both.mean.value, both.mean.n, both.mean.half) == (12.0, 3, long.mean.half)
    assert [run.name for run in both.again] == ["short-0", "short-1", "short-2"]


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (["run.notes=once more", "wandb.mode=offline", "log.every=100", "checkpoint.keep=1"], True),
        (["diagnostics.every=0", "health.lines=4", "trainer.accelerator=cpu"], True),
        (["seed=1"], False),
        (["optimizer.generator.lr=1e-4"], False),
        (["data.batch_size=32"], False),
        (["trainer.precision=64-true"], False),
    ],
)
def test_what_makes_a_draw(tmp_path: Path, change: list[str], same: bool) -> None:
    made_run(tmp_path, "a", fid=(20.0,))
    made_run(tmp_path, "b", *change, fid=(21.0,))
    assert (len(kept(tmp_path)) == 1) is same


def test_other_data_are_another_draw_wherever_they_lie(tmp_path: Path) -> None:
    for name, content in {"a": "0f", "b": "1e", "c": "0f"}.items():
        run = made_run(tmp_path, name, f"data.root=/scratch/{name}", fid=(20.0,))
        started(run, started=name, dependencies={"data": content, "evaluation": {}})
    assert names(kept(tmp_path)) == {"a": ["c"], "b": []}


def test_what_was_measured_otherwise_or_failed_stays_in_sight(tmp_path: Path) -> None:
    a = made_run(tmp_path, "a", fid=(20.0,))
    other = RunFolder(shutil.copytree(a.path, tmp_path / "b"))
    other.write_summary(protocol={**PROTOCOL, "n_fake": 50})
    for name in ("c", "d"):
        RunFolder(shutil.copytree(a.path, tmp_path / name)).write_summary(state="failed", reason="nan")
    torn = RunFolder(shutil.copytree(a.path, tmp_path / "e"))
    torn.environment.write_text("[")
    assert names(kept(tmp_path)) == {"a": [], "b": [], "c": ["d"], "e": []}
