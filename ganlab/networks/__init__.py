"""Generators and discriminators."""

from ganlab.networks.autoencoder import ConvAutoencoder, MLPAutoencoder, autoencoder_for
from ganlab.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from ganlab.networks.mlp import MLPDiscriminator, MLPGenerator

__all__ = [
    "ConvAutoencoder",
    "DCGANDiscriminator",
    "DCGANGenerator",
    "MLPAutoencoder",
    "MLPDiscriminator",
    "MLPGenerator",
    "autoencoder_for",
]
