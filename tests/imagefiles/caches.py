"""What the tests of caches share."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ganlab.imagefiles.cache import Cache
from ganlab.imagefiles.decode import Target, decode

Maker = Callable[..., Path]
TARGET = Target(8, 3, 4)


def pixels(cache: Cache) -> np.ndarray:
    return np.fromfile(cache.path, np.uint8, count=int(np.prod(cache.shape))).reshape(cache.shape)


def expected(root: Path, names: tuple[str, ...], target: Target = TARGET) -> np.ndarray:
    rows = [np.frombuffer(decode((root / name).read_bytes(), target)[0], np.uint8) for name in names]
    return np.stack(rows).reshape(-1, target.channels, target.resolution, target.resolution)


def left(folder: Path) -> list[str]:
    return sorted(path.suffix for path in folder.iterdir()) if folder.exists() else []
