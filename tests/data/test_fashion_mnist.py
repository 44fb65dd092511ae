"""The real Fashion-MNIST, where Debian's package has put it."""

import pytest

from ganlab.data import FashionMnist

(DEBIAN,) = FashionMnist.elsewhere


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="Debian's package dataset-fashion-mnist is not installed")
def test_fashion_mnist_of_debians_package_is_the_published_one() -> None:
    source = FashionMnist()
    train, held_out = source.split("train"), source.split("held_out")
    assert train.y is not None
    assert (len(train), len(held_out)) == (60_000, 10_000)
    assert train.y.bincount().tolist() == [6_000] * 10
    assert train.y[:5].tolist() == [9, 0, 0, 3, 0]
    # as torchvision users know it
    assert train.x.double().mean().item() / 255 == pytest.approx(0.2860, abs=5e-5)
    assert train.x.double().std().item() / 255 == pytest.approx(0.3530, abs=5e-5)
