"""The benchmarks' bookkeeping: equal budgets, what is a result, what stands in the tables."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig

import ganlab
from benchmarks import evaluation, harness, health, objective_pictures, objectives, pacgan, report
from ganlab import config
from ganlab.health import RULES
from ganlab.parts import build

PAGE = Path(harness.ROOT / "docs" / "objectives.md")


def run(objective: str, lr: float, seed: int, final: float | None, early: float = 900.0) -> dict[str, Any]:
    metrics = {"fid_digits": final, "min_class_share": 0.05, "memorisation": 0.1}
    evaluations = [(0, 2000.0), (640, early), (3200, final)]
    return {
        "name": f"{objective}-{lr}-{seed}", "objective": objective, "lr": lr, "seed": seed, "d_steps": 5,
        "reason": None if final else "the generator's loss became nan by iteration 7", "seconds": 2.0,
        "final": metrics if final else {},
        "commit": "abc", "machine": "2 cores, torch 2.13.0", "evaluations": [{"images": i, "eval/fid_digits": v} for i, v in evaluations if v is not None],
    }  # fmt: skip


def test_every_objective_makes_the_same_number_of_g_steps() -> None:
    names = [*config.choices()["objective"], *objectives.EXPERIMENTS]
    jobs = objectives.jobs(names, steps=30, seeds=1)
    assert len({job.name for job in jobs}) == len(names) * 2
    for job in jobs[::2]:
        cfg = config.compose([*job.words, "wandb.mode=disabled"])
        config.validate(cfg)
        assert cfg.budget.images / (cfg.data.batch_size * cfg.game.n_critic) == 30
        assert cfg.evaluation.every == 30 * 64
        assert cfg.optimizer.generator.lr == cfg.optimizer.discriminator.lr == job.row["lr"]


def test_the_better_setting_is_chosen_and_a_diverged_run_is_no_better() -> None:
    rows = [run("hinge", 1e-3, 0, 20.0), run("hinge", 1e-3, 1, 26.0), run("hinge", 2e-4, 0, 40.0)]
    rows += [run("wgan", 1e-3, 0, 5.0), run("wgan", 1e-3, 1, None), run("wgan", 2e-4, 0, 30.0, early=70.0)]
    hinge, wgan = objectives.summarise(rows, steps=10)
    assert (hinge["objective"], hinge["lr"], hinge["mean"], hinge["passed"]) == ("hinge", 1e-3, 23.0, 2)
    assert (wgan["objective"], wgan["lr"], wgan["mean"], wgan["passed"]) == ("wgan", 2e-4, 30.0, 0)
    assert wgan["equal_images"] == [70.0]
    protocol = {"g_steps": 10, "n_fake": 900, "seeds": 2, "learning_rates": (2e-4, 1e-3)}
    text = objectives.render(
        {"rows": rows, "protocol": protocol, "provenance": harness.provenance("x", workers=0)}
    )
    assert "| `hinge` | 5 | 0.001 | 900.0 ± 0.0 | 23.0 ± 4.2 | 2 of 2 |" in text
    assert "- `wgan`: fid_digits is 30.0, above 26.7" in text
    assert "- `hinge`" not in text


def test_the_interval_of_paired_differences() -> None:
    mean, half = pacgan.interval([1.0, 2.0, 3.0])
    assert mean == 2.0
    assert half == pytest.approx(4.302653 / math.sqrt(3))  # t_2 at 0.975, from a table
    assert math.isnan(pacgan.interval([1.0])[1])


def test_pacgan_runs_once_and_fills_its_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text())
    words = ["--epochs", "1", "--steps-per-epoch", "2", "--seeds", "2", "--workers", "0"]
    words += ["--runs", str(tmp_path / "runs"), "--results", str(tmp_path), "--page", str(page)]
    pacgan.main(words)
    results = json.loads((tmp_path / "pacgan.json").read_text())
    assert [(row["data"], row["packing"], row["seed"]) for row in results["rows"]][:5] == [
        ("ring", 1, 0), ("ring", 2, 0), ("grid", 1, 0), ("grid", 2, 0), ("ring", 1, 1),
    ]  # fmt: skip
    assert [row["evaluations"][-1]["iteration"] for row in results["rows"]] == [2] * 8
    assert str(tmp_path) not in json.dumps(results)
    table = (tmp_path / "pacgan.md").read_text()
    assert "| ring | PacGAN2 - GAN |" in table
    assert "| ring | PacGAN2 - GAN |" in page.read_text()
    assert "Every objective on the digits, by" in page.read_text()
    written = (tmp_path / "runs" / "ring-pack1-epochs1-seed0" / "benchmark.json").stat().st_mtime_ns
    pacgan.main(words)
    assert (tmp_path / "runs" / "ring-pack1-epochs1-seed0" / "benchmark.json").stat().st_mtime_ns == written
    assert json.loads((tmp_path / "pacgan.json").read_text()) == results
    with pytest.raises(SystemExit, match="made with other settings"):
        pacgan.main([*words[:3], "3", *words[4:]])


def test_pacgans_protocol() -> None:
    """The paper's: networks, optimizer, batches of 100 packs, simultaneous steps."""
    for data, packing in (("ring", 2), ("grid", 4)):
        job = next(
            job for job in pacgan.jobs(epochs=400, seeds=1, packs=[packing]) if job.row["data"] == data
        )
        cfg = config.compose([*job.words, "wandb.mode=disabled"])
        gan = build(cfg).gan
        assert cfg.budget.images == 400_000 * 100 * packing
        assert (cfg.data.batch_size, cfg.game.order, cfg.ema.half_life) == (100, "simultaneous", 0)
        assert (cfg.optimizer.generator.lr, cfg.optimizer.generator.betas[0]) == (1e-4, 0.8)
        weights = {name: tuple(p.shape) for name, p in gan.named_parameters() if p.dim() == 2}
        assert weights["generator.hidden.0.weight"] == (400, 2)
        assert weights["generator.output.weight"] == (2, 400)
        assert weights["discriminator.hidden.0.weight"] == (1000, 2 * packing)
        assert weights["discriminator.output.weight"] == (1, 200)
        biases = [name for name, _ in gan.generator.named_parameters() if name.endswith("bias")]
        assert [name for name in biases if "output" in name] == ["output.bias"]
        assert len(biases) == 1 + 4  # the last layer's and BatchNorm's
        assert gan.generator.hidden[1].momentum == 0.05
        assert gan.discriminator.hidden[0].weight.std().item() == pytest.approx(0.02, rel=0.1)


def test_a_page_without_a_place_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- t -->\nold\n<!-- /t -->\nb\n")
    harness.fill(page, "t", "new")
    assert page.read_text() == "a\n<!-- t -->\nnew\n<!-- /t -->\nb\n"
    with pytest.raises(SystemExit, match="no place for u"):
        harness.fill(page, "u", "new")


def test_the_report_is_measured_on_runs_that_look_trained(tmp_path: Path) -> None:
    report.make_runs(tmp_path / "runs", runs=3, points=40, grids=2)
    found = report.measure(tmp_path / "runs")
    assert 0 < found["cpu_seconds"] < found["seconds"] * 4
    assert found["memory_mb"] > 40
    text = (tmp_path / "report.html").read_text()
    assert found["page_mb"] == round(len(text.encode()) / 1e6, 2)
    assert all(name in text for name in ("non_saturating-0", "minimax-0", "least_squares-0"))
    assert text.count("data:image/jpeg") == 6


def test_a_page_of_fifty_runs_is_below_five_megabytes(
    tiny: Callable[..., DictConfig], tmp_path: Path
) -> None:
    """With all that a default run logs, at more lines than a page has points for, and a full album."""
    logged = {name for line in ganlab.train(tiny()).metrics for name in line if not name.startswith("time/")}
    assert logged - {"images", "iteration"} <= set(report.LOGGED)
    report.make_runs(tmp_path / "made" / "runs", runs=50, points=250, grids=4)
    assert report.measure(tmp_path / "made" / "runs")["page_mb"] < 5


def test_ill_and_healthy_runs_are_different_recipes_that_fit_together() -> None:
    jobs = health.jobs(first_seed=7, seeds=2)
    assert len({job.name for job in jobs}) == len(jobs) == 2 * (len(health.ILL) + len(health.HEALTHY))
    assert {rule for _, rules, _, _ in health.ILL.values() for rule in rules} == set(RULES)
    for job in jobs[: len(jobs) // 2]:
        cfg = config.compose([*job.words, "wandb.mode=disabled"])
        config.validate(cfg)
        assert cfg.seed == 7
        assert 30 <= cfg.budget.images // cfg.log.every <= 60


def test_the_confusion_table_counts_runs() -> None:
    def row(
        kind: str, rules: tuple[str, ...], found: list[str], *, n: int = 0, **final: float
    ) -> dict[str, Any]:
        return {
            "kind": kind, "rules": rules, "found": found, "final": final, "seed": 8, "modes": n, "commit": "abc",
            "machine": "2 cores, torch 2.13.0", "reason": None if final else "the loss became nan",
        }  # fmt: skip

    swings = ("oscillation", "divergence")
    rows = [
        row("slow", swings, ["divergence", "mode_collapse"], fid_digits=251.0),
        row("slow", swings, ["mode_collapse"]),
        row("slow", swings, [], fid_digits=250.0),
        row("digits", (), [], fid_digits=249.0),
        row("digits", (), ["overflow_near"], fid_digits=100.0),
        row("digits", (), ["mode_collapse"], fid_digits=251.0),
        row("ring", (), [], n=8, modes=7, high_quality=0.5),
        row("ring", (), [], n=8, modes=6, high_quality=0.9),
        row("grid", (), [], n=25, modes=25, high_quality=0.49),
        row("line", (), [], n=1, jsd=0.05),
    ]
    results = {"rows": rows, "first_seed": 7, "seeds": 2, "provenance": harness.provenance("x", workers=0)}
    text = health.render(results)
    assert text.startswith(
        "**1 of 2** ill runs found out (1% to 99%), **3 of 4** healthy runs left in peace (19% to 99%); seeds 7 to 8,"
    )
    assert "| slow | `oscillation` or `divergence` | 1 of 2 | `mode_collapse` 2 |" in text
    assert "| digits | 1 of 2 | `overflow_near` 1 |" in text
    assert "| ring | 1 of 1 | – |" in text
    apart = text.partition("neither count:")[2]
    assert (
        "| slow | 8 | healthy (fid_digits 250) | – |\n| digits | 8 | not healthy (fid_digits 251) |" in apart
    )
    assert "| ring | 8 | not healthy (modes 6, high_quality 0.9) | – |" in apart
    assert "| grid | 8 | not healthy (modes 25, high_quality 0.49) | – |" in apart


def test_runs_are_judged_by_the_rules_of_today(tiny: Callable[..., DictConfig]) -> None:
    run = ganlab.train(tiny("log.every=8"))
    told = sorted({finding["rule"] for finding in run.summary["health"]})
    assert health.judge(run.folder) == told
    with (run.path / "metrics.jsonl").open("a") as log:
        log.write(json.dumps({"images": 64, "loss/d": 1.0, "gradient/g": 2e6}) + "\n")
    assert health.judge(run.folder) == [*told, "overflow_near"]


def test_pictures_of_objectives_are_drawn_once_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--steps", "2", "--only", "hinge", "ebgan", "--runs", str(tmp_path / "runs")]
    objective_pictures.main([*words, "--out", str(tmp_path / "pictures")])
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == {"ebgan.png", "hinge.png"}
    assert capsys.readouterr().out.startswith("hinge not won {'modes': ")
    trained = (tmp_path / "runs" / "hinge-2" / "summary.json").stat().st_mtime_ns
    objective_pictures.main([*words, "--out", str(tmp_path / "pictures")])
    assert (tmp_path / "runs" / "hinge-2" / "summary.json").stat().st_mtime_ns == trained


def test_the_benchmark_of_evaluations_runs(capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "--extractor",
        "digits",
        "--images",
        "96",
        "--batch",
        "32",
        "--rounds",
        "2",
        "--dimensions",
        "20",
    ]
    evaluation.main([*words, "--device", "cpu"])
    out = capsys.readouterr().out
    assert out.startswith("digits on cpu, ")
    speeds = [
        float(line.split("alone ")[1].split()[0]) for line in out.splitlines() if line.startswith("round")
    ]
    assert len(speeds) == 2
    assert min(speeds) > 1
    assert "reference statistics of a second evaluation: " in out
    assert "FID at 20 dimensions: " in out
