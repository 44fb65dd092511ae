"""What a data set is to the rest of ganlab: named splits of tensors, a shape, and perhaps labels."""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from ganlab.errors import DataError


@dataclass(frozen=True)
class TensorSet:
    """One split of a data set, whole in memory.

    Attributes:
        name: data set and split, ``"digits/train"``; part of a metric's protocol.
        x: (N, C, H, W) uint8 images, or (N, d) float32 points.
        y: (N,) int64 labels, or None.
    """

    name: str
    x: Tensor
    y: Tensor | None = None

    def __len__(self) -> int:
        return len(self.x)

    @cached_property
    def sha256(self) -> str:
        """Hash of shape, type and content: two sets with equal hashes hold equal samples."""
        digest = hashlib.sha256(f"{tuple(self.x.shape)} {self.x.dtype} ".encode())
        digest.update(self.x.contiguous().numpy().data)
        return digest.hexdigest()


class DataSource(ABC):
    """A data set by name: what is trained on, what is measured against, what is held out.

    Attributes:
        name: as in reports and protocols, ``"digits"``.
        shape: of one sample, (C, H, W) for images or (d,) for points.
        classes: names of the labels in order, or None.
        splits: names that `split` takes; the first is the one to train on.
        flip: whether training shows every image mirrored half of the time; a split holds none mirrored.
    """

    name: str
    shape: tuple[int, ...]
    classes: tuple[str, ...] | None = None
    splits: tuple[str, ...] = ("train",)
    flip: bool = False

    def split(self, name: str) -> TensorSet:
        """One split; raises DataError for a name that is not in `splits`."""
        if name not in self.splits:
            raise DataError(f"data set {self.name} has no split {name!r}; it has {', '.join(self.splits)}")
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    @cached_property
    def _loaded(self) -> dict[str, TensorSet]:
        return {}

    @property
    def is_here(self) -> bool:
        """Whether `split` can do without a download."""
        return True

    def check(self) -> None:  # noqa: B027  most have nothing to look at
        """Raise DataError where the data cannot be there, at a glance: a run asks before it touches its folder."""

    def prefetch(self) -> list[Path]:
        """Download or work out what `split` needs from the disk, unless it is there; returns where it lies.

        A run calls it in one process of each node before the others need the data; calling it in several at
        once is safe.

        Raises:
            DataError: it can be neither found nor made.
        """
        return []

    @abstractmethod
    def _load(self, split: str) -> TensorSet: ...

    @property
    def is_image(self) -> bool:
        return len(self.shape) == 3


def to_float(x: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Samples as networks see them: uint8 images mapped from 0..255 to [-1, 1], points unchanged."""
    return x.to(dtype) / 127.5 - 1 if x.dtype == torch.uint8 else x.to(dtype)


def to_uint8(x: Tensor) -> Tensor:
    """Images in [-1, 1] quantised to 0..255 by rounding to nearest; values outside are clipped."""
    return ((x.float() + 1) * 127.5).round_().clamp_(0, 255).to(torch.uint8)
