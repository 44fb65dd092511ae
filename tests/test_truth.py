"""What a run says of its distance from the truth, worked out again from its checkpoint by other means."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import norm, wasserstein_distance
from torch import Tensor

import ganlab
from ganlab.callbacks.truth import cells
from ganlab.data import GaussianMixture
from ganlab.data.mixtures import Gaussian1d, Ring
from ganlab.latent import Latent
from ganlab.run import Run
from ganlab.theory.divergences import jensen_shannon
from ganlab.theory.transport import wasserstein

COMMON = ("evaluation=none", "wandb.mode=disabled", "run.name=known", "data.batch_size=32", "seed=3",
          "network.generator.hidden=[16]", "network.discriminator.hidden=[16]")  # fmt: skip


def sample(data: GaussianMixture, n: int, seed: int = 1) -> Tensor:
    return data.sample(n, torch.Generator().manual_seed(seed))[0]


def train(folder: Path, *words: str) -> Run:
    return ganlab.train(ganlab.compose([*COMMON, *words, f"run.root={folder}"]))


def truths(run: Run) -> list[dict[str, float]]:
    return [line for line in run.metrics if "truth/jsd" in line]


def made(run: Run) -> Tensor:
    """The samples that the last line is about."""
    latents = Latent(run.config.network.latent_dim, run.config.network.latent)
    return run.generator(averaged=False)(latents.numbered(0, 4096, seed=3, purpose="truth")).double()


def rms(d: np.ndarray, best: np.ndarray, p: np.ndarray, q: np.ndarray) -> float:
    return float(np.sqrt(((d - best) ** 2 * (p + q) / 2).sum()))


@pytest.mark.parametrize("label", [1.0, 0.7])
def test_on_a_line(tmp_path: Path, label: float) -> None:
    words = (f"objective.real_label={label}", "budget.images=6400", "evaluation.every=3200")
    run = train(tmp_path, "experiment=gaussian1d", "data.mean=2.0", "data.std=0.5", *words)
    lines = truths(run)
    assert [line["images"] for line in lines] == [3200, 6400]
    last, fakes = lines[-1], made(run)[:, 0].numpy()
    quantiles = norm.ppf((np.arange(20_000) + 0.5) / 20_000, 2, 0.5)
    assert last["truth/w1"] == pytest.approx(wasserstein_distance(fakes, quantiles), abs=0.01)
    edges = np.arange(min(fakes.min(), -1) - 0.1, max(fakes.max(), 5) + 0.2, 0.1)
    p, q = np.diff(norm.cdf(edges, 2, 0.5)), np.histogram(fakes, edges)[0] / 4096
    assert last["truth/jsd"] == pytest.approx(jensen_shannon(p, q), abs=0.01)
    middles = torch.tensor((edges[1:] + edges[:-1]) / 2, dtype=torch.float32)
    d = run.discriminator()(middles[:, None]).value.sigmoid().numpy()
    share = p / (p + q + 1e-300)
    expected = rms(d, label * share, p, q)
    assert last["truth/discriminator"] == pytest.approx(expected, abs=0.01)
    if label < 1:
        assert abs(rms(d, share, p, q) - expected) > 0.03  # the optimum without smoothing is another one


def test_in_the_plane(tmp_path: Path) -> None:
    words = ("objective=least_squares", "data.std=0.1", "budget.images=3200", "evaluation.every=1600")
    run = train(tmp_path, "experiment=ring", *words)
    last, fakes = truths(run)[-1], made(run).numpy()
    ring = Ring(std=0.1, n=10)
    assert last["truth/w1"] == pytest.approx(
        wasserstein(sample(ring, 400, seed=0).numpy(), fakes[:400]).distance, rel=1e-9
    )
    exact = wasserstein(sample(ring, 1500, seed=5).numpy(), fakes[:1500]).distance
    assert last["truth/w1"] == pytest.approx(exact, abs=2 * last["truth/w1_floor"])
    edges = [np.arange(low, 1.6 + 0.1, 0.1) for low in (-1.5, -1.5)]  # 5 std around the ring of radius 1
    q, *_ = np.histogram2d(*fakes.T, bins=edges)
    q /= len(fakes)
    big = sample(ring, 2_000_000, seed=6).numpy()
    p = np.histogram2d(*big.T, bins=edges)[0] / len(big)
    rest = 1 - p.sum(), 1 - q.sum()
    expected = jensen_shannon(np.append(p, max(rest[0], 0)), np.append(q, max(rest[1], 0)))
    assert last["truth/jsd"] == pytest.approx(expected, abs=2e-3)
    x, y = (torch.tensor((edge[1:] + edge[:-1]) / 2, dtype=torch.float32) for edge in edges)
    network = run.discriminator()
    d = network(torch.cartesian_prod(x, y)).value.view(len(x), len(y)).numpy()
    inside = rms(d, p / np.maximum(p + q, 1e-300), p, q) ** 2
    beyond = ((np.abs(fakes) > 1.5).any(1)).nonzero()[0]
    there = network(
        torch.tensor(fakes[beyond], dtype=torch.float32)
    ).value.numpy()  # D* = 0, least squares' a
    expected = math.sqrt(inside + (there**2).sum() / len(fakes) / 2)
    assert last["truth/discriminator"] == pytest.approx(expected, rel=0.02)


def test_the_floor_is_what_the_data_themselves_would_have(tmp_path: Path) -> None:
    run = train(tmp_path, "experiment=ring", "data.std=0.02", "budget.images=64", "evaluation.every=32")
    first, last = truths(run)
    ring = Ring(std=0.02, n=10)
    for name, value in (("jsd", jensen_shannon(*cells(ring, sample(ring, 4096, seed=9))[1:])),
                        ("w1", wasserstein(sample(ring, 400, 7).numpy(), sample(ring, 400, 8).numpy()).distance)):  # fmt: skip
        assert first[f"truth/{name}_floor"] == last[f"truth/{name}_floor"] < last[f"truth/{name}"]
        assert last[f"truth/{name}_floor"] == pytest.approx(value, rel=0.5)
    line = train(tmp_path / "line", "experiment=gaussian1d", "budget.images=32", "evaluation.every=32")
    assert 0 < truths(line)[0]["truth/w1_floor"] < 0.03  # std 0.5, 4,096 samples


def test_objectives_without_a_known_optimum_say_nothing_of_it(tmp_path: Path) -> None:
    run = train(tmp_path, "experiment=ring", "objective=hinge", "budget.images=32", "evaluation.every=32")
    assert "truth/discriminator" not in truths(run)[0]


def test_cells_on_a_line() -> None:
    data = Gaussian1d(mean=2.0, std=0.5, n=10)
    _, real, fake = cells(data, sample(data, 200_000))
    assert jensen_shannon(real, fake) < 1e-3
    points, real, fake = cells(data, torch.full((1000, 1), 40.0, dtype=torch.float64))
    assert jensen_shannon(real, fake) == pytest.approx(math.log(2), rel=1e-6)
    assert (real * points[:, 0]).sum() == pytest.approx(2.0, abs=1e-6)


def test_cells_see_the_shape_within_a_mode() -> None:
    ring = Ring(modes=4, std=0.02, n=10)
    _, real, fake = cells(ring, sample(ring, 100_000))
    assert jensen_shannon(real, fake) < 2e-3
    modes = ring.means[torch.arange(4000) % 4]
    for wrong in (
        modes,
        modes + 0.02 * torch.sign(sample(ring, 4000)),
        modes + 0.25 * (sample(ring, 4000, 2) - modes),
    ):
        _, real, fake = cells(ring, wrong)
        assert jensen_shannon(real, fake) > 0.1  # all within three standard deviations, and shared evenly


def test_a_fake_far_from_the_data_is_a_cell_of_its_own() -> None:
    ring = Ring(modes=4, std=0.02, n=10)
    far = torch.tensor([[7.0, -3.0], [0.01, 9.0], [1.0, 0.0]], dtype=torch.float64)
    points, real, fake = cells(ring, far)
    np.testing.assert_allclose(points[-2:], far[:2])
    np.testing.assert_allclose(fake[-2:], 1 / 3)
    assert (real[-2:] == 0).all()
    assert len(points) == len(real) == len(fake)
