"""The doctor: each rule on lines made by hand and on runs that are really ill; silence on healthy ones."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig

import ganlab
from ganlab.cli import main
from ganlab.errors import TrainingError
from ganlab.health import RULES, Doctor, Thresholds, in_words
from tests.conftest import crash_after
from tests.test_training import assert_same_run

Compose = Callable[..., DictConfig]
HEALTHY = {
    "loss/d": 1.3, "loss/g": 0.7, "game/accuracy": 0.6, "game/accuracy_past": 0.8, "game/forgotten": 0.0,
    "gradient/g": 0.5, "gradient/d": 0.6, "gradient/signal": 0.5, "update/g": 0.01, "update/d": 0.01,
    "weights/g": 1.0, "weights/d": 1.0,
    "diversity/samples": 0.95, "diversity/kinds": 0.9, "diversity/shift": 0.1, "diversity/duplicates": 0.01,
    "slope/steepest": 1.2,
}  # fmt: skip


def judge(lines: list[dict[str, float]], *, bounded: bool = True, budget: int = 10_000) -> Doctor:
    """The doctor after a line every 100 images, each the healthy one with some values changed."""
    doctor = Doctor(Thresholds(), budget, bounded)
    for i, changes in enumerate(lines, start=1):
        doctor.see({"images": 100 * i, **HEALTHY, **changes})
    return doctor


def ill(changes: dict[str, float], *, healthy: int = 20, n: int = 10) -> list[dict[str, float]]:
    return [{}] * healthy + [changes] * n


ILLNESSES = {
    "discriminator_won": {"game/accuracy": 0.99, "gradient/g": 0.02},
    "mode_collapse": {"diversity/samples": 0.3},
    "divergence": {"update/d": 0.08},
    "critic_not_lipschitz": {"slope/steepest": 3.5},
    "discriminator_forgot": {"game/forgotten": 0.2, "diversity/shift": 0.6},
    "discriminator_blind": {"game/accuracy": 0.5, "diversity/shift": 0.6},
    "overflow_near": {"gradient/d": 2e6},
}


@pytest.mark.parametrize("rule", ILLNESSES)
def test_each_rule_names_its_illness_and_no_other(rule: str) -> None:
    doctor = judge(ill(ILLNESSES[rule]) + [{}] * 10)
    (found,) = doctor.findings
    first = {"overflow_near": 2100}.get(rule, 2500)  # the fifth line that agrees
    assert (found.rule, found.first_images, found.last_images) == (rule, first, 3000)
    assert found.sentence == RULES[rule].sentence
    assert doctor.active == ()


@pytest.mark.parametrize(
    "change",
    [
        {"game/accuracy": 0.99, "gradient/g": 0.4},  # right, and G learns from it
        {"gradient/g": 0.001},  # a converged G
        {"diversity/samples": 0.6},
        {"slope/steepest": 2.9},
        {"game/accuracy": 0.2},  # samples that nothing tells from the data
        {"game/accuracy_past": 0.0},  # D never knew better
        {"game/forgotten": 0.9},  # what G does not make any more
        {"game/forgotten": 0.1, "diversity/shift": 0.6},
        {"gradient/signal": 0.01},  # D is not sure of anything else
        {"update/d": 0.06, "update/g": 0.06},
        {"update/d": 0.01, "weights/d": 20.0},  # as a long run may come to, by small steps
        {"loss/d": -900.0},
    ],
    ids=str,
)
def test_what_is_no_illness(change: dict[str, float]) -> None:
    assert judge(ill(change, n=60)).findings == []


def test_a_single_line_is_no_illness_and_the_warm_up_is_not_judged() -> None:
    for rule, change in ILLNESSES.items():
        if rule != "overflow_near":
            single = judge([*[{}, {}, change] * 3, *[{}, change] * 20])
            assert rule not in {found.rule for found in single.findings}
            assert judge([change] * 10 + [{}] * 20).findings == []  # 10 % of the budget
    assert judge([ILLNESSES["overflow_near"]]).active == ("overflow_near",)


def test_samples_that_never_were_diverse_have_collapsed_and_growing_ones_have_not() -> None:
    stuck = [{"diversity/samples": 0.2 + 0.01 * (i % 3)} for i in range(40)]
    assert [found.rule for found in judge(stuck).findings] == ["mode_collapse"]
    growing = [{"diversity/samples": 0.1 * 1.02**i} for i in range(60)]
    assert judge(growing).findings == []
    twins = judge(ill({"diversity/duplicates": 0.7}))
    assert [found.rule for found in twins.findings] == ["mode_collapse"]


def test_a_slow_start_is_no_illness() -> None:
    nearing = [{"game/accuracy": 0.1, "diversity/shift": 2 * 0.96**i} for i in range(36)]
    assert judge(nearing).findings == []
    assert [found.rule for found in judge([*nearing, *[nearing[20]] * 10]).findings] == [
        "discriminator_blind"
    ]
    spreading = [{"diversity/kinds": 0.03 * 1.05**i} for i in range(40)]
    assert judge(spreading).findings == []


def test_samples_differ_by_their_spread_as_by_their_mean() -> None:
    wide = {"game/accuracy": 0.4, "diversity/samples": 1.6}
    assert [found.rule for found in judge(ill(wide)).findings] == ["discriminator_blind"]


def test_what_d_forgot_counts_on_average() -> None:
    turning = [{"game/forgotten": 0.5 * (i % 2), "diversity/shift": 0.6} for i in range(20)]
    assert [found.rule for found in judge([{}] * 12 + turning).findings] == ["discriminator_forgot"]


def test_weights_that_have_grown_do_not_hide_large_steps() -> None:
    grown = {"update/g": 0.01, "weights/g": 30.0}
    assert [found.rule for found in judge(ill(grown)).findings] == ["divergence"]


def test_modes_that_are_lost_between_others_are_a_collapse() -> None:
    (found,) = judge(ill({"diversity/samples": 1.1, "diversity/kinds": 0.25})).findings
    assert found.rule == "mode_collapse"


def test_a_discriminator_that_won_from_the_first_line_on_is_found_and_one_spike_misleads_nobody() -> None:
    won = {"game/accuracy": 1.0, "gradient/g": 1e-8, "gradient/signal": 1e-6}
    assert [found.rule for found in judge([won] * 30).findings] == ["discriminator_won"]
    sure = {"game/accuracy": 0.99, "gradient/g": 0.4}
    assert judge([{"gradient/g": 1000.0}, *[sure] * 30]).findings == []


def test_oscillation_is_several_swings_of_decided_lines() -> None:
    swinging = [{"game/accuracy": value} for value in (0.95, 0.5, 0.02, 0.6, 0.98, 0.04, 0.99) * 3]
    assert [found.rule for found in judge([{}] * 12 + swinging).findings] == ["oscillation"]
    hopping = [{"diversity/shift": value} for value in (0.1, 0.6, 0.2, 0.9, 0.3) * 4]
    assert [found.rule for found in judge([{}] * 12 + hopping).findings] == ["oscillation"]
    mild = [{"game/accuracy": value, "diversity/shift": value / 3} for value in (0.8, 0.2) * 20]
    assert judge([{}] * 12 + mild).findings == []


def test_a_slope_matters_only_where_the_theory_bounds_it() -> None:
    assert judge(ill({"slope/steepest": 50.0}), bounded=False).findings == []


def test_missing_diagnostics_are_no_finding() -> None:
    doctor = Doctor(Thresholds(), 1000, True)
    for i in range(1, 30):
        doctor.see({"images": 30 * i, "loss/d": 1.0, "loss/g": 0.5})
    assert doctor.findings == []


def test_in_words() -> None:
    assert in_words([]) == ["the doctor found nothing wrong with the game"]
    doctor = judge(ill(ILLNESSES["mode_collapse"]) + ill(ILLNESSES["mode_collapse"]))
    (line,) = in_words([finding.to_dict() for finding in doctor.findings])
    assert line.startswith("mode_collapse, 2,500 to 3,000 images and 1 times more: the samples have become")
    assert "try penalty=[r1]" in line


# ---- real runs ----------------------------------------------------------------------------------------------

MIXTURE = (
    "network.generator.hidden=[64,64]", "network.discriminator.hidden=[64,64]", "network.latent_dim=4",
    "data.batch_size=64", "data.n=5000", "evaluation=none", "wandb.mode=disabled", "trainer=cpu", "samples.n=4",
)  # fmt: skip
SMALL = ("data.batch_size=16", "network.generator.width=8", "network.discriminator.width=8")


def rates(lr: float) -> tuple[str, str]:
    return f"optimizer.generator.lr={lr}", f"optimizer.discriminator.lr={lr}"


def run_of(words: tuple[str, ...], iterations: int, root: Path, *, name: str = "run") -> ganlab.run.Run:
    """A run with 40 lines in its log."""
    cfg = ganlab.compose([*words, f"run.root={root}", f"run.name={name}"])
    shown = cfg.data.batch_size * cfg.game.n_critic
    cfg.budget.images, cfg.evaluation.every = iterations * shown, iterations * shown
    cfg.log.every = max(1, iterations // 40) * shown
    return ganlab.train(cfg)


ON_THE_LINE = (
    "network.generator.hidden=[32]", "network.discriminator.hidden=[4]", "network.latent_dim=2",
)  # fmt: skip
DIGITS = ("data.resolution=8", "evaluation=none", "wandb.mode=disabled", "trainer=cpu", "samples.n=4", *SMALL)
SICK: dict[str, tuple[tuple[str, ...], int]] = {
    "divergence": ((*DIGITS, *rates(0.05)), 120),
    "discriminator_won": ((*DIGITS, "objective=minimax", "penalty=[]", "game.n_critic=20"), 40),
    "critic_not_lipschitz": (
        ("experiment=ring", "objective=wgan", "constraint.clip.bound=10", *MIXTURE, *rates(0.002)),
        120,
    ),
    "discriminator_forgot": (
        ("experiment=gaussian1d", "penalty=[]", "data.std=0.1", *MIXTURE, *ON_THE_LINE, *rates(0.002)),
        800,
    ),
    "discriminator_blind": ((*DIGITS, "network.discriminator.width=1"), 120),
    "mode_collapse": (("experiment=grid", "penalty=[]", *MIXTURE, "optimizer.discriminator.lr=0.0001"), 600),
    "oscillation": (
        (
            "experiment=ring",
            "objective=least_squares",
            "penalty=[]",
            *MIXTURE,
            "network.discriminator.hidden=[8]",
        ),
        600,
    ),
    "overflow_near": ((*DIGITS, "objective=least_squares", "penalty=[]", *rates(10.0)), 40),
}


@pytest.mark.parametrize("rule", SICK)
def test_a_real_run_with_the_illness_is_found_out(rule: str, tmp_path: Path) -> None:
    words, iterations = SICK[rule]
    summary = run_of(words, iterations, tmp_path).summary
    assert summary["state"] == "finished"
    found = {finding["rule"]: finding for finding in summary["health"]}
    assert rule in found
    assert 0 < found[rule]["first_images"] <= found[rule]["last_images"] <= summary["images"]


@pytest.mark.parametrize("words", [("experiment=ring", *MIXTURE), DIGITS], ids=["ring", "digits"])
def test_a_healthy_run_is_told_so(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of(words, 200, tmp_path)
    assert run.summary["health"] == []
    assert main(["train", str(run.path)]) == 0  # nothing left to do: the last words alone
    assert "the doctor found nothing wrong with the game" in capsys.readouterr().out


def test_a_collapse_can_end_the_run(
    tiny: Compose, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Thresholds that everything exceeds: the rules' own values are tested above."""
    words = ["health.collapse_duplicates=1e-9", "health.warmup=0", "health.lines=1", "log.every=8"]
    words += [
        "experiment=gaussian1d",
        "evaluation=none",
        "wandb.mode=disabled",
        "data.n=50",
        "budget.images=4096",
    ]
    words += ["data.batch_size=64", f"run.root={tmp_path}", "run.name=collapse", "trainer=cpu"]
    run = ganlab.train(ganlab.compose(words))
    assert [finding["rule"] for finding in run.summary["health"]][:1] == ["mode_collapse"]
    assert main(["train", *words[:-2], "run.name=stopped", "trainer=cpu", "health.on_collapse=stop"]) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("ganlab: the samples have become far more alike than the data are at ")
    assert "health.on_collapse=stop; try penalty=[r1]" in said
    summary = json.loads((tmp_path / "stopped" / "summary.json").read_text())
    assert summary["state"] == "failed"
    assert summary["health"][-1]["rule"] == "mode_collapse"


def test_a_resumed_run_is_judged_as_one_that_never_stopped(tiny: Compose) -> None:
    words = [
        "health.won_accuracy=0.5",
        "health.won_gradient=100",
        "health.warmup=0",
        "health.lines=2",
        "log.every=8",
    ]
    whole = ganlab.train(tiny(*words, "run.name=whole"))
    crash_after(5, tiny(*words, "run.name=broken"))
    resumed = ganlab.train(tiny(*words, "run.name=broken"))
    assert_same_run(whole.path, resumed.path)
    assert whole.summary["health"] == resumed.summary["health"] != []


def test_a_run_that_blows_up_keeps_its_findings(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="became|not finite"):
        run_of((*DIGITS, "objective=f_gan_kl", "penalty=[]", *rates(100.0)), 200, tmp_path)
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["state"] == "failed"
    assert isinstance(summary["health"], list)


def test_rules_that_hold_are_in_the_progress(tiny: Compose, capsys: pytest.CaptureFixture[str]) -> None:
    ganlab.train(tiny("health.overflow=1e-9"))
    shown: Any = capsys.readouterr().err.strip().splitlines()[-1]
    assert shown.endswith("! overflow_near")
    assert math.isfinite(float(shown.split("D ")[1].split()[0]))


def test_a_run_may_go_on_with_other_thresholds(tiny: Compose) -> None:
    """All its lines are judged anew by those it goes on with."""
    first = ganlab.train(tiny())
    assert first.summary["health"] == []
    again = ganlab.train(tiny("health.overflow=1e-9", "budget.images=96"))
    assert again.summary["health"][0]["first_images"] == 16
