"""From the bytes of one image file to the pixels that a GAN is trained on."""

import io
import warnings
from dataclasses import dataclass
from typing import Any

from PIL import Image, UnidentifiedImageError

FORMATS = (
    "JPEG",
    "PNG",
    "BMP",
    "GIF",
    "WEBP",
    "TIFF",
    "PPM",
    "TGA",
    "AVIF",
    "JPEG2000",
)  # none that runs programs
_MOVING = ("GIF", "PNG", "WEBP", "AVIF")
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class UnreadableError(Exception):
    """A file that is no usable image; the text says why in a few words."""


@dataclass(frozen=True)
class Target:
    """What every image becomes.

    Attributes:
        resolution: side in pixels of the centre square, reached by Pillow's antialiased bicubic filter.
        channels: 1, grey by ITU-R 601 luma, or 3, RGB.
        smallest: images with a shorter side of fewer pixels are unreadable.
    """

    resolution: int
    channels: int
    smallest: int

    @property
    def size(self) -> int:
        """Bytes of one image."""
        return self.channels * self.resolution**2


def decode(data: bytes, target: Target) -> tuple[bytes, bool]:
    """Pixels (C, R, R) uint8 of an image file, and whether it is animated (its first frame counts).

    Upright as EXIF has it, transparency on white, 16-bit grey scaled to 8, palettes and CMYK converted.

    Raises:
        UnreadableError: no image, damaged, too small, too large, or pixels of a type without a known range.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _decode(data, target)
    except UnreadableError:
        raise
    except UnidentifiedImageError:
        raise UnreadableError("not an image" if data else "empty") from None
    except Image.DecompressionBombError:
        raise UnreadableError("more pixels than Pillow accepts") from None
    except Exception as error:  # damaged files make Pillow's readers raise nearly everything
        text = str(error).split("\n")[0]
        raise UnreadableError(
            "truncated" if "truncated" in text.lower() else text or type(error).__name__
        ) from None


def _decode(data: bytes, target: Target) -> tuple[bytes, bool]:
    image: Any = Image.open(io.BytesIO(data), formats=FORMATS)
    moving = image.format in _MOVING and bool(getattr(image, "is_animated", False))
    if moving:
        image.seek(0)
    width, height = image.size
    side = min(width, height)
    if side < target.smallest:
        raise UnreadableError(f"only {width}x{height} pixels")
    image.load()
    turn = _turn(image)
    image = _convert(image, "L" if target.channels == 1 else "RGB")
    if turn is not None:
        image = image.transpose(turn)
    width, height = image.size
    left, top = (width - side) // 2, (height - side) // 2
    box = (left, top, left + side, top + side)
    resolution = (target.resolution, target.resolution)
    image = (
        image.crop(box)
        if side == target.resolution
        else image.resize(resolution, Image.Resampling.BICUBIC, box)
    )
    return b"".join(band.tobytes() for band in image.split()), moving


def _turn(image: Image.Image) -> Image.Transpose | None:
    """What puts the image upright, by its EXIF orientation."""
    try:
        return _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # the pixels are whole, only what EXIF says about them is not
        return None


def _convert(image: Image.Image, mode: str) -> Image.Image:
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        import numpy as np

        grey = (np.asarray(image).astype(np.uint32) * 255 + 32767) // 65535  # Pillow's own conversion clips
        image = Image.fromarray(grey.astype(np.uint8))
    elif image.mode in ("I", "F"):
        raise UnreadableError(f"pixels of type {image.mode!r} have no known range")
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == mode else image.convert(mode)
