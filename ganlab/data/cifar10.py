"""CIFAR-10: 60,000 colour photographs of 32x32 pixels, 10 classes."""

import gzip
import io
import pickle
import tarfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ganlab.data.download import Remote
from ganlab.data.published import PublishedImages
from ganlab.data.source import TensorSet
from ganlab.errors import DataError

_ARCHIVE = "cifar-10-python.tar.gz"
_FOLDER = "cifar-10-batches-py"
_BATCHES = {"train": tuple(f"data_batch_{i}" for i in range(1, 6)), "held_out": ("test_batch",)}


class Cifar10(PublishedImages):
    """``train`` (50,000) and ``held_out`` (the 10,000 of the official test set).

    Args:
        root: folder with cifar-10-python.tar.gz or cifar-10-batches-py, or one of the two itself; the archive
            is downloaded to it if neither is there; None for ``data`` in ganlab's cache folder.
        resolution: side in pixels, >= 32; larger sizes are reached bilinearly.
        flip: show every image mirrored half of the time; evaluations see none mirrored.

    Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009).
    """

    name, title = "cifar10", "CIFAR-10"
    classes = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    channels, original = 3, 32

    def __init__(self, *, root: str | None = None, resolution: int = 32, flip: bool = False) -> None:
        super().__init__(root=root, resolution=resolution, flip=flip)

    def _files(self) -> list[Path] | None:
        if self.root.is_file():
            return [self.root]
        names = [name for batches in _BATCHES.values() for name in batches]
        for folder in (self.root / _FOLDER, self.root / "cifar10" / _FOLDER, self.root):
            if all((folder / name).is_file() for name in names):
                return [folder / name for name in names]
        archives = (self.root / _ARCHIVE, self.root / "cifar10" / _ARCHIVE)
        return next(([path] for path in archives if path.is_file()), None)

    def _remotes(self) -> tuple[tuple[Remote, ...], Path]:
        sha256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
        url = f"https://www.cs.toronto.edu/~kriz/{_ARCHIVE}"
        return (Remote(_ARCHIVE, (url,), 170_498_071, sha256),), self.root

    def _read(self, files: list[Path], split: str) -> TensorSet:
        if len(files) == 1:
            contents = _members(files[0], _BATCHES[split])
        else:
            contents = {path: _content(path) for path in files if path.name in _BATCHES[split]}
        parts = [_batch(content, path) for path, content in contents.items()]
        x, y = (np.concatenate(part) for part in zip(*parts, strict=True))
        return TensorSet(f"{self.name}/{split}", torch.from_numpy(x), torch.from_numpy(y))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def _members(archive: Path, names: tuple[str, ...]) -> dict[Path, bytes]:
    """The members of these names, in this order, by path."""
    found: dict[str, bytes] = {}
    try:
        with gzip.open(archive) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:  # one pass, and nothing is extracted
                name = member.name.rpartition("/")[2]
                if name in names and (file := tar.extractfile(member)) is not None:
                    found[name] = file.read()
            while stream.read(1 << 20):  # gzip compares its checksum at the end
                pass
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise DataError(
            f"{archive} is damaged or not a .tar.gz ({error}); delete it to download it again"
        ) from error
    if missing := [name for name in names if name not in found]:
        raise DataError(f"{archive} has no member {missing[0]}; is it the python version of CIFAR-10?")
    return {archive / name: found[name] for name in names}


_PICKLED = {
    ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.numeric", "_frombuffer"), ("numpy._core.numeric", "_frombuffer"),
    ("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode"),
}  # fmt: skip


class _Unpickler(pickle.Unpickler):
    """Builds arrays of numbers and nothing else: a pickle could otherwise run any program."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _PICKLED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def _batch(content: bytes, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 3, 32, 32) uint8 and labels (N,) int64."""
    try:
        batch = _Unpickler(io.BytesIO(content), encoding="bytes").load()
        batch = {key.decode() if isinstance(key, bytes) else key: value for key, value in batch.items()}
        x, y = np.asarray(batch["data"]), np.asarray(batch["labels"], dtype=np.int64)
        if x.dtype != np.uint8 or x.ndim != 2 or x.shape[1] != 3072 or y.shape != x.shape[:1] or not len(x):
            raise ValueError(f"its arrays are {x.dtype}{list(x.shape)} and {list(y.shape)}")
        if y.min() < 0 or y.max() > 9:
            raise ValueError("its labels are not 0 to 9")
    except Exception as error:  # a damaged pickle raises nearly everything
        raise DataError(f"{path} is not a batch of CIFAR-10: {error or type(error).__name__}") from error
    return x.reshape(-1, 3, 32, 32), y
