"""Data sets, and batches of them on the device."""

from ganlab.data.digits import Digits
from ganlab.data.loader import DeviceLoader, ShuffledOrder
from ganlab.data.mixtures import Gaussian1d, GaussianMixture, Grid, Ring
from ganlab.data.source import DataSource, TensorSet, to_float, to_uint8

__all__ = [
    "DataSource",
    "DeviceLoader",
    "Digits",
    "Gaussian1d",
    "GaussianMixture",
    "Grid",
    "Ring",
    "ShuffledOrder",
    "TensorSet",
    "to_float",
    "to_uint8",
]
