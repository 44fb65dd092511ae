import numpy as np
import pytest
import torch
from torch import nn

from ganlab.networks import ConvAutoencoder, MLPAutoencoder
from ganlab.networks.autoencoder import Autoencoder
from ganlab.objectives import EBGAN, Match


class Shift(Autoencoder):
    """A known autoencoder: it answers every sample with x / 2 + 1."""

    def __init__(self, error: str) -> None:
        super().__init__(error=error)
        self.encoder = nn.Identity()
        self.decoder = nn.Identity()
        self.decoder.forward = lambda x: x / 2 + 1


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 16, 16), (1, 28, 28), (2, 12, 20), (1, 5, 5)])
@pytest.mark.parametrize("error", ["l1", "l2"])
def test_conv_autoencoder_shapes(shape: tuple[int, ...], error: str) -> None:
    network = ConvAutoencoder(shape=shape, width=4, code_dim=7, error=error)
    x = torch.randn(3, *shape)
    scores = network(x)
    assert scores.value.shape == (3,)
    assert scores.features.shape == (3, 7)
    assert network.decoder(scores.features).shape == x.shape


@pytest.mark.parametrize("shape", [(2,), (1,), (1, 8, 8)])
def test_mlp_autoencoder_shapes(shape: tuple[int, ...]) -> None:
    network = MLPAutoencoder(shape=shape, hidden=[9, 6], code_dim=4)
    scores = network(torch.randn(3, *shape))
    assert scores.value.shape == (3,)
    assert scores.features.shape == (3, 4)
    assert [m.out_features for m in network.modules() if isinstance(m, nn.Linear)][-2:] == [
        9,
        int(np.prod(shape)),
    ]


def test_energy_is_the_mean_error_of_each_sample() -> None:
    x = torch.tensor([[[1.0, -3.0], [0.0, 2.0]], [[4.0, 2.0], [2.0, 2.0]]])[:, None]
    residual = 1 - x.numpy() / 2
    np.testing.assert_allclose(Shift("l2")(x).value, (residual**2).mean((1, 2, 3)))
    np.testing.assert_allclose(Shift("l1")(x).value, np.abs(residual).mean((1, 2, 3)))


def test_gradients_flow_through_the_target_of_the_reconstruction() -> None:
    x = torch.tensor([[3.0, -1.0]], dtype=torch.float64, requires_grad=True)
    scores = Shift("l2")(x)
    loss = EBGAN(margin=1.0).g_loss(Match(x, x, None, scores))
    (gradient,) = torch.autograd.grad(loss, x)
    residual = 1 - x.detach() / 2
    # 2 r (1/2 - 1) / 2; a fixed target would give + r / 2
    torch.testing.assert_close(gradient, -residual / 2)


def test_half_precision_reconstructions_give_a_float32_energy() -> None:
    network = ConvAutoencoder(shape=(1, 8, 8), width=4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert network(torch.randn(2, 1, 8, 8)).value.dtype == torch.float32
        assert network(torch.randn(2, 1, 8, 8).bfloat16()).value.dtype == torch.float32


def test_it_learns_to_reconstruct() -> None:
    torch.manual_seed(0)
    network = MLPAutoencoder(shape=(6,), hidden=[32], code_dim=2)
    x = torch.randn(64, 2) @ torch.randn(2, 6)  # on a plane, which two numbers describe
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    first = network(x).value.mean().item()
    for _ in range(150):
        optimizer.zero_grad()
        network(x).value.mean().backward()
        optimizer.step()
    assert network(x).value.mean().item() < 0.1 * first


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConvAutoencoder(shape=(2,)), r"takes images, not samples of shape \[2\]"),
        (lambda: ConvAutoencoder(shape=(1, 8, 8), width=0), "^width must be at least 1, got 0"),
        (lambda: MLPAutoencoder(shape=(2,), code_dim=0), "^code_dim must be at least 1, got 0"),
        (lambda: MLPAutoencoder(shape=(2,), hidden=[]), "^hidden must be a non-empty list"),
        (lambda: MLPAutoencoder(shape=(2,), error="huber"), "^error must be l1 or l2, got huber"),
    ],
)
def test_bad_arguments(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
