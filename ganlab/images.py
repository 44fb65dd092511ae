"""Samples as pictures: PNG grids and folders, animated GIFs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ganlab.errors import GanlabError

_GAP = 2  # pixels between the images of a grid


def _picture(image: np.ndarray) -> Image.Image:
    """(C, H, W) uint8, one or three channels -> a picture."""
    channels_last = np.moveaxis(image, 0, -1)
    return Image.fromarray(
        channels_last[..., 0] if image.shape[0] == 1 else np.ascontiguousarray(channels_last)
    )


def grid(images: np.ndarray, *, columns: int | None = None, smallest_side: int = 512) -> Image.Image:
    """Images (N, C, H, W) uint8 in rows, enlarged by whole factors until the picture is about `smallest_side` wide."""
    n, c, h, w = images.shape
    columns = columns or int(np.ceil(np.sqrt(n)))
    rows = -(-n // columns)
    canvas = np.zeros((c, rows * (h + _GAP) + _GAP, columns * (w + _GAP) + _GAP), np.uint8)
    for i, image in enumerate(images):
        top, left = ((i // columns) * (h + _GAP) + _GAP, (i % columns) * (w + _GAP) + _GAP)
        canvas[:, top : top + h, left : left + w] = image
    picture = _picture(canvas)
    factor = max(1, smallest_side // picture.width)
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)


def save_grid(images: np.ndarray, path: Path) -> None:
    """Save images (N, C, H, W) uint8 as one picture; its format is that of the file's ending."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        grid(images).save(path)
    except (OSError, ValueError) as error:
        raise GanlabError(f"cannot write the picture {path}: {error}") from error


def save_folder(images: np.ndarray, folder: Path) -> None:
    """Save images (N, C, H, W) uint8 as 000000.png, 000001.png, ... in a folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for i, image in enumerate(images):
            _picture(image).save(folder / f"{i:06d}.png")
    except OSError as error:
        raise GanlabError(f"cannot write images into {folder}: {error}") from error


def save_animation(frames: Sequence[Path], path: Path, *, seconds: float = 6.0) -> None:
    """An endless GIF of pictures; the last one stands for a second."""
    pictures = [Image.open(frame).convert("P") for frame in frames]
    each = max(40, int(1000 * seconds / len(pictures)))
    durations = [each] * (len(pictures) - 1) + [1000 + each]
    try:
        pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=durations, loop=0)
    except OSError as error:
        raise GanlabError(f"cannot write the animation {path}: {error.strerror or error}") from error
