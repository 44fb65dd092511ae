"""What the images of a folder or a zip have in common before any of them is decoded: size, and grey or colour."""

import io
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ganlab.imagefiles.decode import FORMATS
from ganlab.imagefiles.files import ImageFiles, open_images
from ganlab.imagefiles.pool import available_cores

_GREY = {"1", "L", "LA", "La", "I", "F"}


@dataclass(frozen=True)
class Formats:
    """How many readable images of a folder have which size and how many channels.

    Attributes:
        root: the folder or the zip.
        sizes: (width, height) -> number of images.
        channels: 1 for grey or 3 for colour -> number of images.
    """

    root: Path
    sizes: Counter[tuple[int, int]]
    channels: Counter[int]


def formats(root: Path | str) -> Formats:
    """Read the head of every image file; raises DataError where there is none, passes over what is no image."""
    files = open_images(root)
    names = [file.name for file in files.listed()]
    with ThreadPoolExecutor(available_cores()) as threads:
        heads = [head for head in threads.map(lambda name: _head(files, name), names) if head]
    return Formats(files.root, Counter(size for size, _ in heads), Counter(kind for _, kind in heads))


def _head(files: ImageFiles, name: str) -> tuple[tuple[int, int], int] | None:
    """Size and channels of one image."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(files.read(name)), formats=FORMATS) as image:
                grey = image.mode in _GREY or image.mode.startswith("I;16")
                return image.size, 1 if grey else 3
    except Exception:  # damaged files make Pillow raise nearly everything; decoding them names them
        return None
