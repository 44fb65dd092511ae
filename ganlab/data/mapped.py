"""A set of images that stays in a file: mapped where it is looked at, read where it is trained on."""

import hashlib
import math
import os
import weakref
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganlab.atomic import atomic_file
from ganlab.data.source import TensorSet
from ganlab.errors import DataError


class SampleFile:
    """Reads samples by index from a file that holds them one after the other from its first byte.

    It reads, and does not map: a mapped page that can no longer be had kills the process, a read that fails
    is an error like others.  A file that is deleted can be read for as long as it is open.
    """

    def __init__(self, path: Path, *, bytes_each: int) -> None:
        self.path, self.bytes_each = path, bytes_each
        try:
            self._descriptor = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}") from error
        weakref.finalize(self, os.close, self._descriptor)

    def read(self, indices: Sequence[int], out: Tensor) -> None:
        """Copy samples into the rows of a contiguous uint8 tensor (len(indices), ...) on the host.

        Raises:
            DataError: the file is gone, shorter than it was, or the disk fails.
        """
        rows = out.flatten(1).numpy()
        size = self.bytes_each
        try:
            for row, index in zip(rows, indices, strict=True):
                content = os.pread(self._descriptor, size, index * size)
                if len(content) != size:
                    raise DataError(f"{self.path} became shorter while it was being trained on")
                row[:] = np.frombuffer(content, np.uint8)
        except OSError as error:
            raise DataError(f"{self.path} can no longer be read: {error.strerror}") from error


@dataclass(frozen=True)
class MappedSet(TensorSet):
    """A `TensorSet` of uint8 images whose `x` is mapped from a file, in memory only where it is looked at.

    Attributes:
        path: the file; the images are its first bytes, one after the other.
    """

    path: Path = field(kw_only=True)

    @classmethod
    def open(
        cls, name: str, path: Path, shape: tuple[int, int, int, int], y: Tensor | None = None
    ) -> "MappedSet":
        """Map images (N, C, H, W); raises DataError if the file cannot be read."""
        try:
            x = torch.from_file(str(path), shared=False, size=math.prod(shape), dtype=torch.uint8)
        except RuntimeError as error:
            raise DataError(f"{path} cannot be mapped: {str(error).splitlines()[0]}") from error
        return cls(name, x.view(shape), y, path=path)

    def samples(self) -> SampleFile:
        return SampleFile(self.path, bytes_each=self.x[0].numel())

    def in_memory(self) -> TensorSet:
        """The same samples, read into memory."""
        x = torch.empty_like(self.x)
        file = self.samples()
        for start in range(0, len(x), 1024):
            indices = range(start, min(start + 1024, len(x)))
            file.read(indices, x[start : start + 1024])
        return TensorSet(self.name, x, self.y)

    @cached_property
    def sha256(self) -> str:
        """As of a `TensorSet`; worked out once and kept beside the file."""
        kept = self.path.with_suffix(".sha256")
        if kept.is_file() and len(text := kept.read_text().strip()) == 64:
            return text
        digest = hashlib.sha256(f"{tuple(self.x.shape)} {self.x.dtype} ".encode())
        file, block = self.samples(), torch.empty_like(self.x[:64])
        for start in range(0, len(self), 64):
            indices = range(start, min(start + 64, len(self)))
            file.read(indices, block[: len(indices)])
            digest.update(memoryview(block[: len(indices)].numpy()))  # type: ignore[arg-type]
        with suppress(OSError), atomic_file(kept) as output:  # a cache that only others may write
            output.write(digest.hexdigest().encode())
        return digest.hexdigest()
