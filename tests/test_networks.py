from typing import Any

import pytest
import torch
from torch import nn

from ganlab.networks import (
    ConvAutoencoder,
    DCGANDiscriminator,
    DCGANGenerator,
    MLPAutoencoder,
    MLPDiscriminator,
    MLPGenerator,
)
from ganlab.networks.layers import Maxout, activation, couples_batch, norm, power_iterations


@pytest.mark.parametrize("resolution", [8, 16, 32, 64, 128])
@pytest.mark.parametrize("channels", [1, 3])
def test_dcgan_shapes(resolution: int, channels: int) -> None:
    shape = (channels, resolution, resolution)
    images = DCGANGenerator(shape=shape, latent_dim=7, width=2)(torch.randn(3, 7))
    assert images.shape == (3, *shape)
    assert images.abs().max() <= 1
    scores = DCGANDiscriminator(shape=shape, width=2)(images)
    assert scores.value.shape == (3,)
    assert scores.features.shape == (3, 2 * resolution // 8 * 16)


@pytest.mark.parametrize("shape", [(1, 12, 12), (1, 256, 256), (1, 16, 8), (2,)])
def test_dcgan_names_the_shapes_it_can_make(shape: tuple[int, ...]) -> None:
    for make in (lambda: DCGANGenerator(shape=shape, latent_dim=2), lambda: DCGANDiscriminator(shape=shape)):
        with pytest.raises(ValueError, match=r"8, 16, 32, 64 or 128 pixels, not samples of shape \["):
            make()


@pytest.mark.parametrize("shape", [(1, 8, 8), (2,)])
def test_mlp_shapes(shape: tuple[int, ...]) -> None:
    samples = MLPGenerator(shape=shape, latent_dim=4, hidden=[6, 5])(10_000 * torch.randn(3, 4))
    assert samples.shape == (3, *shape)
    assert (samples.abs().max() <= 1) == (len(shape) == 3)
    scores = MLPDiscriminator(shape=shape, hidden=[6, 5], maxout=3)(samples)
    assert scores.value.shape == (3,)


def test_maxout_takes_the_maximum_of_its_pieces() -> None:
    x = torch.tensor([[1.0, 4.0, -3.0, -2.0, -5.0, 0.0]])
    assert Maxout(3)(x).tolist() == [[4.0, 0.0]]
    assert Maxout(2)(x).tolist() == [[4.0, -2.0, 0.0]]


def test_activations_and_norms_by_name() -> None:
    assert activation("leaky_relu")(torch.tensor(-1.0)).item() == pytest.approx(-0.2)
    assert isinstance(activation("silu"), nn.SiLU)
    with pytest.raises(ValueError, match="activation must be leaky_relu or a torch.nn activation"):
        activation("relo")
    x = torch.randn(4, 6, 5, 5, generator=torch.Generator().manual_seed(0)) * 3 + 1
    for name, dims in (("batch", (0, 2, 3)), ("layer", (1, 2, 3)), ("instance", (2, 3))):
        y = norm(name, 6, dims=2)(x)
        assert y.mean(dims).abs().max() < 1e-5
        assert (y.std(dims, unbiased=False) - 1).abs().max() < 1e-4
    with pytest.raises(ValueError, match="norm must be one of none, batch, group, layer, instance, got bach"):
        norm("bach", 4, dims=1)


def test_dcgan_initialisation() -> None:
    torch.manual_seed(0)
    network = DCGANGenerator(shape=(1, 32, 32), latent_dim=100, width=32, init_std=0.05)
    weights = torch.cat([m.weight.flatten() for m in network.modules() if isinstance(m, nn.ConvTranspose2d)])
    assert abs(weights.std().item() - 0.05) < 0.001


@pytest.mark.parametrize(
    ("make", "layers"),
    [
        (lambda **on: DCGANDiscriminator(shape=(3, 16, 16), width=8, **on), 3),
        (lambda **on: MLPDiscriminator(shape=(3, 16, 16), hidden=[12, 7], **on), 3),
        (lambda **on: MLPDiscriminator(shape=(3, 16, 16), hidden=[9], maxout=4, **on), 2),
        (lambda **on: MLPAutoencoder(shape=(3, 16, 16), hidden=[12], code_dim=5, **on), 4),
        (lambda **on: ConvAutoencoder(shape=(3, 16, 16), width=4, **on), 17),
    ],
    ids=["dcgan", "mlp", "maxout", "mlp_autoencoder", "conv_autoencoder"],
)
def test_spectral_norm_brings_every_layer_to_singular_value_one(make: Any, layers: int) -> None:
    torch.manual_seed(0)
    network = make(spectral_norm=True)
    x = torch.randn(4, 3, 16, 16)
    for _ in range(300):
        network(x)
    found = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(found) == layers
    for layer in found:
        largest = torch.linalg.matrix_norm(layer.weight.detach().flatten(1).double(), ord=2)
        assert largest == pytest.approx(1.0, abs=1e-3)
    assert len(list(power_iterations(network))) == layers
    assert not list(power_iterations(make()))


def test_only_batch_normalisation_couples_a_batch() -> None:
    for name, expected in (
        ("batch", True),
        ("group", False),
        ("layer", False),
        ("instance", False),
        ("none", False),
    ):
        assert couples_batch(DCGANDiscriminator(shape=(1, 16, 16), width=16, norm=name)) == expected


def test_a_layer_may_say_that_it_couples_the_batch() -> None:
    class BatchStd(torch.nn.Module):
        couples_batch = True

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x / x.std(0)

    assert couples_batch(torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Sequential(BatchStd())))
