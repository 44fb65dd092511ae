"""Data sets, and batches of them on the device."""

from ganlab.data.cifar10 import Cifar10
from ganlab.data.digits import Digits
from ganlab.data.fashion_mnist import FashionMnist
from ganlab.data.folder import ImageFolder
from ganlab.data.loader import DeviceLoader, Loader, ShuffledOrder
from ganlab.data.mapped import MappedSet
from ganlab.data.mixtures import Gaussian1d, GaussianMixture, Grid, Ring
from ganlab.data.mnist import Mnist
from ganlab.data.source import DataSource, TensorSet, to_float, to_uint8
from ganlab.data.streaming import StreamingLoader

__all__ = [
    "Cifar10",
    "DataSource",
    "DeviceLoader",
    "Digits",
    "FashionMnist",
    "Gaussian1d",
    "GaussianMixture",
    "Grid",
    "ImageFolder",
    "Loader",
    "MappedSet",
    "Mnist",
    "Ring",
    "ShuffledOrder",
    "StreamingLoader",
    "TensorSet",
    "to_float",
    "to_uint8",
]
