"""The pictures of the theory: what they show is tested as data; each is drawn and saved."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy.integrate import quad

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
from ganlab.objectives import Scores
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
    np.testing.assert_allclose(plan.sum(1), transport.GENERATED, atol=1e-12)
    np.testing.assert_allclose(plan.sum(0), transport.DATA, atol=1e-12)
    by_functions = np.abs(np.cumsum(transport.GENERATED) - np.cumsum(transport.DATA)).sum()
    assert transport.cost(plan) == pytest.approx(by_functions)  # W1, the least that any plan costs
    start, end = np.nonzero(plan > 1e-12)
    assert (np.diff(end) >= 0).all()  # no strip crosses another
    figure = transport.transport_figure()
    assert [text.get_text() for text in figure.axes[2].texts] == [
        f"{20 * plan[i, j]:.0f}" for i, j in zip(start, end, strict=True)
    ]
    widths = [np.ptp(strip.get_xy()[:2, 0]) for strip in figure.axes[-1].patches if len(strip.get_path()) == 5
              and not isinstance(strip, Rectangle)]  # fmt: skip
    np.testing.assert_allclose(np.array(widths) / sum(widths), plan[start, end])


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


def test_likelihood_and_kl_lie_apart_by_the_entropy_and_the_sampling_error() -> None:
    x, models = likelihood.fitting()
    assert len(x) == 2000
    np.testing.assert_allclose(models[-1].means, likelihood.TRUTH.means, atol=0.15)
    samples, divergence, entropy = (line.get_ydata() for line in likelihood.likelihood_figure().axes[1].lines)

    def surprise(y: float) -> float:
        return float(-likelihood.TRUTH.density([y])[0] * likelihood.TRUTH.log_density([y])[0])

    assert entropy[0] == pytest.approx(quad(surprise, -8, 8, limit=200)[0], rel=1e-7)
    logs = np.array([model.log_density(x) for model in models])
    np.testing.assert_allclose(samples, -logs.mean(1))
    errors = logs.std(1) / math.sqrt(len(x))
    assert (np.abs(samples - divergence) < 3 * errors).all()
    assert (np.abs(samples - divergence + 0.1) > 3 * errors).all()  # a tenth of a nat would be seen
    assert (divergence > entropy[0]).all()


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
    for surface in (clipped, penalised):
        assert 0 < surface.gap.bound <= surface.gap.distance


class Known(torch.nn.Module):
    """f(x, y) = 3 x - y^2, which no transposition, mirroring or change of sign leaves as it is."""

    def forward(self, points: torch.Tensor) -> Scores:
        return Scores(3 * points[:, 0] - points[:, 1].square())


def test_a_surface_has_x_to_the_right_and_y_upwards() -> None:
    surface = critics.survey(Known(), *critics.mixtures()["ring"])
    y, x = torch.meshgrid(surface.ticks, surface.ticks, indexing="ij")
    torch.testing.assert_close(surface.values, 3 * x - y**2)
    torch.testing.assert_close(surface.slopes, (9 + 4 * y**2).sqrt())
    figure = Figure()
    value, slope = figure.subplots(1, 2)
    critics.draw([value], [slope], [surface])
    corners = slope.collections[0].get_coordinates()
    assert corners[0, -1, 0] > corners[0, 0, 0]
    assert corners[-1, 0, 1] > corners[0, 0, 1]
    drawn = slope.collections[0].get_array().reshape(critics.SIDE, critics.SIDE)
    np.testing.assert_allclose(drawn * surface.gap.lipschitz, surface.slopes)
    assert [axis.get_ylabel() for axis in figure.axes[2:]] == ["f / L, 0 at its peak", "slope / L"]


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
    z = torch.randn(200_000, 1, generator=torch.Generator().manual_seed(0))
    made = run.generator(averaged=False)(z)[:, 0].numpy()
    mean = (last.fake * last.grid.points).sum()
    deviation = math.sqrt((last.fake * (last.grid.points - mean) ** 2).sum())
    assert (mean, deviation) == pytest.approx((made.mean(), made.std()), abs=0.01)
    assert 0 < last.jsd <= math.log(2)
    figure = original.original_figure(shown)
    d = figure.axes[0].lines[2].get_ydata()
    np.testing.assert_array_equal(d, shown[0].discriminator)
    best = figure.axes[0].lines[3].get_ydata()
    nothing = shown[0].real + shown[0].fake < 1e-6
    assert np.isnan(best[nothing]).all()
    assert not np.isnan(best[shown[0].real > 1e-2]).any()
    first, mapped = figure.axes[0], figure.axes[2]
    assert (first.get_xlabel(), mapped.get_xlabel()) == ("x", "z")
    assert "nats" in first.get_title()
    arrows = [(text.xyann[0], text.xy[0]) for text in mapped.texts]
    low, high = shown[0].grid.points[[0, -1]]
    ticks = {
        int(label.get_text()): place
        for place, label in zip(mapped.get_xticks(), mapped.get_xticklabels(), strict=True)
    }
    for (start, end), (latent, x) in zip(arrows, shown[0].samples, strict=True):
        assert end == pytest.approx(x)
        assert start == pytest.approx(ticks[0] + latent * (ticks[1] - ticks[0]), rel=1e-6)
        assert low < start < high
    assert (np.diff(last.samples[:, 1]) * (ticks[1] - ticks[0]) > 0).mean() > 0.5  # it ends up increasing
    illustrations.save(figure, tmp_path / "figure.pdf")
    assert (tmp_path / "figure.pdf").read_bytes()[:4] == b"%PDF"
    digits = ganlab.train(ganlab.compose(["experiment=ring", *words[-2:], "run.name=ring", "budget.images=256",
                                          "evaluation=none", "wandb.mode=disabled"]))  # fmt: skip
    with pytest.raises(GanlabError, match="needs a mixture on the line"):
        original.moment(digits)


def test_every_picture_has_its_line_and_draws() -> None:
    assert illustrations.names() == [
        "argmin", "critics", "dirac", "divergences", "gradients", "likelihood", "original", "steps", "transport",
    ]  # fmt: skip


LABELS = {  # of the axes in their order: below, at the left; then what the legends say
    "argmin": (["x", "x", "x", *["D: slope of its logit"] * 3], ["density", "", "", "$V(G, D)$ in nats", "", ""],
               ["$p_{data}$", "$p_g$"]),
    "divergences": (["x", "x", "x", *["distance d of the two means"] * 2],
                    ["density", "", "", "value", "derivative by d"],
                    ["$p_{data}$", "$p_g$", *["JSD (nats)", "total variation", "$W_1$"] * 2]),
    "gradients": (["D's value v of a fake"] * 2, ["G's loss", "|derivative of G's loss by D's value|"],
                  [*gradients.objectives()]),
    "likelihood": (["x", "1 + steps of expectation maximisation"], ["density", "nats"],
                   ["2,000 samples", "$p_{data}$", *(f"model after {k} steps" for k in (0, 15, 150)),
                    "-log-likelihood of the samples", "KL(data || model) + H(data)", "H(data)"]),
    "steps": (["x", "k, steps of D with G at rest"], ["density; D", r"$\|D - D^*\|$"],
              ["$p_{data}$", "$p_g$", "$D^*$", "D after 0"]),
    "transport": (["", "", "to: place in the data", "$p_g$", "place"],
                  ["$p_{data}$", "", "from: place in what G makes", "", "mass, in twentieths"],
                  ["$p_{data}$", "$p_g$"]),
}  # fmt: skip


@pytest.mark.parametrize("name", LABELS)
def test_every_picture_names_what_it_shows_and_is_saved_as_pdf(name: str, tmp_path: Path) -> None:
    figure = steps.steps_figure(seeds=1, steps=2) if name == "steps" else illustrations.get(name).draw()
    below, left, said = LABELS[name]
    assert [axis.get_xlabel() for axis in figure.axes] == below
    assert [axis.get_ylabel() for axis in figure.axes] == left
    legends = [*(axis.get_legend() for axis in figure.axes), *figure.legends]
    assert [text.get_text() for legend in legends if legend for text in legend.get_texts()] == said
    illustrations.save(figure, tmp_path / "figure.pdf")
    assert (tmp_path / "figure.pdf").read_bytes()[:4] == b"%PDF"


def test_both_critics_are_drawn_on_both_mixtures() -> None:
    figure = critics.critics_figure(steps=2)
    assert len(figure.axes) == 8 + 4  # a bar for the two values and one for the two slopes of a mixture
    titles = [figure.axes[i].get_title() for i in (0, 1, 4, 5)]
    assert [title.partition(":")[0] for title in titles] == [
        "ring, clipping at 0.1", "ring, gradient penalty", "grid, clipping at 0.1", "grid, gradient penalty",
    ]  # fmt: skip


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
