"""Image files of every kind that people have."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def noise(seed: int, height: int = 16, width: int = 16) -> np.ndarray:
    """Smooth random pixels (H, W, 3) uint8."""
    small = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BILINEAR))


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """Make a folder with files: bytes, text, or a seed for a PNG of 16 pixels."""

    def make(files: dict[str, bytes | str | int], name: str = "pictures") -> Path:
        root = tmp_path / name
        root.mkdir(exist_ok=True)
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, int):
                content = encoded(Image.fromarray(noise(content)))
            (root / path).write_bytes(content.encode() if isinstance(content, str) else content)
        return root

    return make
