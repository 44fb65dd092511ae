import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.datasets import load_digits

from ganlab.data import (
    DeviceLoader,
    Digits,
    Gaussian1d,
    Grid,
    Ring,
    ShuffledOrder,
    TensorSet,
    to_float,
    to_uint8,
)
from ganlab.errors import DataError


def test_digits_are_split_into_two_halves_that_cover_all() -> None:
    halves = [Digits(resolution=8).split(name) for name in ("train", "held_out")]
    assert [len(half) for half in halves] == [901, 896]
    for half in halves:
        assert half.y is not None
        assert half.y.bincount().min() >= 87
    original = load_digits()
    ours = np.concatenate([half.x.numpy().reshape(-1, 64) for half in halves])
    theirs = np.rint(original.images.reshape(-1, 64) * (255 / 16)).astype(np.uint8)
    assert sorted(map(bytes, ours)) == sorted(map(bytes, theirs))


def test_digits_are_enlarged_without_a_shift() -> None:
    small, large = (Digits(resolution=r).split("train").x.float() for r in (8, 16))
    assert large.shape == (901, 1, 16, 16)
    assert abs(large.mean() - small.mean()) < 0.5
    columns = torch.arange(16.0)
    centre_large = (large.mean((0, 1, 2)) * (columns + 0.5)).sum() / large.mean((0, 1, 2)).sum() / 16
    centre_small = (small.mean((0, 1, 2)) * (columns[:8] + 0.5)).sum() / small.mean((0, 1, 2)).sum() / 8
    assert abs(centre_large - centre_small) < 0.002


def test_content_hash_knows_content_and_shape() -> None:
    x = torch.arange(12, dtype=torch.uint8).reshape(3, 1, 2, 2)
    same, reshaped, changed = x.clone(), x.reshape(3, 1, 4, 1), x + 1
    digest = TensorSet("a", x).sha256
    assert digest == TensorSet("b", same).sha256
    assert digest not in (TensorSet("a", reshaped).sha256, TensorSet("a", changed).sha256)


def test_an_unknown_split_is_refused_by_name() -> None:
    with pytest.raises(DataError, match="digits has no split 'test'; it has train, held_out"):
        Digits().split("test")


def test_quantisation_is_exact_both_ways() -> None:
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(to_float(levels)), levels)
    assert to_float(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [-1.0, 1.0]
    assert to_uint8(torch.tensor([-1.5, 1.5, -0.0])).tolist() == [0, 255, 128]
    points = torch.tensor([3.5, -7.0])
    assert torch.equal(to_float(points), points)


@pytest.mark.parametrize("source", [Ring(std=0.3), Grid(std=0.4), Gaussian1d()])
def test_mixture_density_agrees_with_scipy(source: Ring) -> None:
    points, modes = source.sample(50, torch.Generator().manual_seed(1))
    components = [multivariate_normal(m, source.std**2 * np.eye(len(m))) for m in source.means.numpy()]
    expected = np.log(np.mean([np.atleast_1d(c.pdf(points.numpy())) for c in components], axis=0))
    np.testing.assert_allclose(source.log_prob(points).numpy(), expected, rtol=1e-9)
    assert modes.min() >= 0
    assert modes.max() < len(source.means)


def test_mixture_samples_sit_at_their_modes() -> None:
    ring = Ring()
    data = ring.split("train")
    assert data.x.shape == (100_000, 2)
    for mode in range(8):
        points = data.x[data.y == mode].double()
        assert torch.dist(points.mean(0), ring.means[mode]) < 5 * 0.01 / len(points) ** 0.5
        assert ((points.std(0) / 0.01 - 1).abs() < 0.05).all()
    assert Grid().means.abs().max() == 4


def test_order_visits_every_sample_once_an_epoch() -> None:
    order = ShuffledOrder(10, seed=3)
    epochs = order(0, 30).reshape(3, 10)
    assert all(sorted(epoch.tolist()) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch.tolist()) for epoch in epochs}) == 3
    assert torch.equal(order(7, 23), ShuffledOrder(10, seed=3)(0, 30)[7:23])
    assert not torch.equal(order(0, 10), ShuffledOrder(10, seed=4)(0, 10))


def loader(
    position: int = 0, steps: int = 3, rank: int = 0, world_size: int = 1, batch_size: int = 4
) -> list:
    data = TensorSet("numbers", torch.arange(11.0)[:, None])
    return list(
        DeviceLoader(
            data, batch_size=batch_size, micro_batches=2, seed=0, position=position, steps=steps, device="cpu",
            rank=rank, world_size=world_size,
        )
    )  # fmt: skip


def test_a_resumed_loader_goes_on_where_it_stopped() -> None:
    whole = loader(steps=5)
    assert [tuple(batch.shape) for batch in whole] == [(2, 4, 1)] * 5
    assert all(torch.equal(a, b) for a, b in zip(whole[2:], loader(position=16, steps=3), strict=True))


def test_ranks_see_the_slices_of_one_process_without_overlap() -> None:
    alone = loader(batch_size=4)
    ranks = [loader(rank=rank, world_size=2, batch_size=2) for rank in range(2)]
    for step in range(3):
        assert torch.equal(alone[step], torch.cat([ranks[0][step], ranks[1][step]], dim=1))
