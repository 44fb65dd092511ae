"""The pictures of the theory: what they show is tested as data; each is drawn and saved."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import ganlab
from ganlab import illustrations
from ganlab.cli import main
from ganlab.errors import GanlabError
from ganlab.health import RULES
from ganlab.illustrations import (
    argmin,
    critics,
    divergences,
    gradients,
    likelihood,
    original,
    steps,
    transport,
)
from ganlab.theory.distributions import pushforward
from ganlab.theory.optimal import distance_to_optimal


def test_jsd_stops_at_log_2_while_w1_is_the_shift() -> None:
    curves = divergences.parting()
    np.testing.assert_allclose(curves["W1"], divergences.SHIFTS, atol=1e-9)
    assert curves["JSD"][0] == pytest.approx(0, abs=1e-12)
    assert curves["JSD"][-1] == pytest.approx(math.log(2), abs=1e-5)
    assert curves["JSD"].max() <= math.log(2)
    assert (np.diff(curves["JSD"]) > 0).all()
    d = divergences.SHIFTS / divergences.STD
    np.testing.assert_allclose(curves["TV"], [math.erf(x / 2 / math.sqrt(2)) for x in d], atol=1e-5)


def test_the_plan_moves_one_histogram_onto_the_other() -> None:
    plan = transport.plan()
    np.testing.assert_allclose(plan.plan.sum(1), transport.GENERATED, atol=1e-12)
    np.testing.assert_allclose(plan.plan.sum(0), transport.DATA, atol=1e-12)
    by_functions = np.abs(np.cumsum(transport.GENERATED) - np.cumsum(transport.DATA)).sum()
    assert plan.distance == pytest.approx(by_functions)


def test_gradients_saturate_where_d_is_sure() -> None:
    found = {
        name: gradients.generator_gradient(o, gradients.VALUES)[1]
        for name, o in gradients.objectives().items()
    }
    sure = gradients.VALUES.sigmoid()
    torch.testing.assert_close(found["minimax: log(1 - D)"], -sure)
    torch.testing.assert_close(found["non-saturating: -log D"], sure - 1)
    torch.testing.assert_close(found["least squares, c = 1"], gradients.VALUES - 1)
    assert (found["hinge, Wasserstein"] == -1).all()


def test_the_second_generator_wins_and_the_peaks_are_the_best_values() -> None:
    best = argmin.winner()
    assert best.index == 1
    for mean, peak in zip(argmin.MEANS, best.values, strict=True):
        p, q = argmin.gaussian(0), argmin.gaussian(mean)
        curve = [argmin.value(p, q, argmin.discriminator(slope, mean)) for slope in argmin.SLOPES]
        assert max(curve) == pytest.approx(peak, abs=1e-4)
        assert argmin.SLOPES[np.argmax(curve)] == pytest.approx(-mean, abs=0.03)


def test_the_fit_ends_near_the_truth() -> None:
    x, models = likelihood.fitting()
    assert len(x) == 2000
    np.testing.assert_allclose(models[-1].means, likelihood.TRUTH.means, atol=0.15)


def test_more_steps_bring_d_nearer() -> None:
    p, q = steps.densities()
    seen = steps.approach(steps=100)
    distances = {k: distance_to_optimal(p, q, d) for k, d in seen.items()}
    assert distances[100] < 0.4 * distances[0]
    assert 0.35 < distances[0] < 0.5  # D = 1/2 everywhere is 0.42 away


def test_clipping_does_not_say_which_slope_a_critic_has_and_the_penalty_does() -> None:
    data, noise = critics.mixtures()["ring"]
    clipped, penalised = (
        critics.train_critic(data, noise, clipping=clip, steps=100) for clip in (True, False)
    )
    assert (penalised.slopes - 1).abs().mean() < 0.4
    assert clipped.slopes.max() > 3
    assert 0 < min(clipped.proven, penalised.proven) <= max(clipped.proven, penalised.proven) <= 1
    along_x = (penalised.values[10, 50] - penalised.values[10, 49]) / (
        penalised.ticks[1] - penalised.ticks[0]
    )
    assert abs(along_x) <= penalised.slopes[9:12, 48:52].max() + 0.1


def test_a_density_pushed_through_a_map() -> None:
    z = np.linspace(0, 1, 5001)
    edges = np.linspace(0, 1, 11)
    np.testing.assert_allclose(pushforward(z**2, edges), np.diff(np.sqrt(edges)), atol=1e-6)
    folded = np.abs(2 * z - 1)  # two branches
    np.testing.assert_allclose(pushforward(folded, edges), 0.1, atol=1e-12)
    np.testing.assert_allclose(pushforward(np.full(10, 0.25), edges).sum(), 1)


def test_the_original_figure_is_what_a_run_was(tmp_path: Path) -> None:
    short = ("budget.images=7680", "evaluation.every=7680", "checkpoint.every=3840", "checkpoint.keep=2")
    words = [*original.SETTINGS, *short, f"run.root={tmp_path}", "run.name=line"]
    run = ganlab.train(ganlab.compose(words))
    shown = [original.moment(ganlab.load(path)) for path in run.folder.list_checkpoints()]
    assert [now.images for now in shown] == [3840, 7680]
    last = shown[-1]
    made = run.generator(averaged=False)(torch.linspace(-1, 1, 4000)[:, None])[:, 0].numpy()
    mean = (last.fake * last.grid.points).sum()
    deviation = math.sqrt((last.fake * (last.grid.points - mean) ** 2).sum())
    assert (mean, deviation) == pytest.approx((made.mean(), made.std()), abs=0.01)
    assert 0 < last.jsd <= math.log(2)
    figure = original.original_figure(shown)
    d = figure.axes[0].lines[2].get_ydata()
    np.testing.assert_array_equal(d, shown[0].discriminator)
    figure.savefig(tmp_path / "figure.png")
    digits = ganlab.train(ganlab.compose(["experiment=ring", *words[-2:], "run.name=ring", "budget.images=256",
                                          "evaluation=none", "wandb.mode=disabled"]))  # fmt: skip
    with pytest.raises(GanlabError, match="needs a mixture on the line"):
        original.moment(digits)


def test_every_picture_has_its_line_and_draws() -> None:
    assert illustrations.names() == [
        "argmin", "critics", "dirac", "divergences", "gradients", "likelihood", "original", "steps", "transport",
    ]  # fmt: skip
    for name in ("argmin", "divergences", "gradients", "likelihood", "transport"):
        assert illustrations.get(name).draw().axes
    assert len(steps.steps_figure(seeds=1, steps=2).axes) == 2
    assert len(critics.critics_figure(steps=2).axes) == 8 + 4  # with the bars of the slopes


def test_the_command_draws_lists_and_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["theory", "figure"]) == 0
    assert "transport    the transport plan of two histograms" in capsys.readouterr().out
    for out in (tmp_path / "new" / "plan.png", tmp_path / "plan.pdf"):
        assert main(["theory", "figure", "transport", "--out", str(out), "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"figure": "transport", "out": str(out)}
        assert out.read_bytes()[:4] in (b"\x89PNG", b"%PDF")
    refused = {
        ("figure", "transprot"): "there is no figure 'transprot'; did you mean transport?",
        ("figure", "transport", "--out", "plan.gif"): "--out must end in .png or .pdf, got 'plan.gif'",
        ("transport",): "theory draws figures: ganlab theory figure NAME",
        ("figure", "transport", "dirac"): "2 words at most, got 'figure' and 'transport' and 'dirac'",
        ("figure", "transport", "seed=1"): "theory takes no settings, got 'seed=1'",
    }
    for words, sentence in refused.items():
        assert main(["theory", *words]) in (1, 2)
        assert sentence in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main(["theory", "figure", "transport", "--out", str(tmp_path / "file" / "plan.png")]) == 1
    assert "cannot write the picture" in capsys.readouterr().err


def test_the_pages_show_pictures_that_exist_and_code_that_runs() -> None:
    docs = Path(__file__).parent.parent / "docs"
    pages = {name: (docs / f"{name}.md").read_text() for name in ("theory", "objectives", "health")}
    for text in pages.values():
        for picture in re.findall(r"!\[[^\]]*\]\(([^)]*)\)", text):
            assert (docs / picture).is_file(), picture
    (code,) = re.findall(r"```python\n(.*?)```", pages["theory"], flags=re.S)
    printed: list[float] = []
    exec(code, {"print": lambda *values: printed.extend(values)})
    jsd, value, d = printed
    assert value == pytest.approx(2 * jsd - 2 * math.log(2))
    assert d == pytest.approx(1 / (1 + math.exp(-0.5)))  # D* at x = 0
    rules = re.findall(
        r"^\| `(\w+)` \| .* \| .* \|$", pages["health"].partition("## The rules")[2], flags=re.M
    )
    assert set(rules) == set(RULES)
