"""The idx format of the MNIST family: a header of big-endian sizes, then bytes; often gzipped."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import torch
from torch import Tensor

from ganlab.errors import DataError

_UINT8 = 0x08
_LARGEST = 1 << 30


def read_idx(path: Path, *, dimensions: int) -> Tensor:
    """The uint8 array in an idx file, plain or gzipped by its ending.

    Args:
        dimensions: how many the array must have, 3 for images and 1 for labels.

    Raises:
        DataError: missing, truncated, damaged, or not an idx file of unsigned bytes with these dimensions.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            header = file.read(4 + 4 * dimensions)
            if header[:4] != bytes([0, 0, _UINT8, dimensions]) or len(header) < 4 + 4 * dimensions:
                raise DataError(f"{path} is not an idx file of unsigned bytes in {dimensions} dimensions")
            shape = struct.unpack(f">{dimensions}I", header[4:])
            promised = math.prod(shape)
            if promised > _LARGEST:
                raise DataError(f"{path} promises {promised:,} values, more than idx files are read for")
            content = bytearray(file.read(promised + 1))
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(content) != promised:
        than = "more" if len(content) > promised else "fewer"
        raise DataError(f"{path} holds {than} than the {promised:,} values that its header promises")
    if not content:
        raise DataError(f"{path} is empty")
    return torch.frombuffer(content, dtype=torch.uint8).reshape(shape)
