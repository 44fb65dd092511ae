"""Folders of made images."""

from pathlib import Path

import numpy as np

from ganlab.images import save_folder


def pictures(folder: Path, n: int, *, size: int = 12, channels: int = 3, seed: int = 0) -> Path:
    """Write n images of noise into a folder."""
    rng = np.random.default_rng(seed)
    save_folder(rng.integers(0, 256, (n, channels, size, size), dtype=np.uint8), folder)
    return folder
