"""Images in a NumPy file: ``.npy``, or the one array of images in an ``.npz``, as ADM's samples come."""

import zipfile
from pathlib import Path

import numpy as np
import torch

from ganlab.data import DataSource, TensorSet
from ganlab.data.source import to_uint8
from ganlab.errors import EvaluationError
from ganlab.evaluation.result import check_finite

SUFFIXES = (".npy", ".npz")


class ImageArray(DataSource):
    """Images (N, H, W), (N, H, W, C) or (N, C, H, W) with one or three channels; one split, ``train``.

    uint8 is taken as it is; floats are images in [-1, 1] and quantised as ganlab does.

    Attributes:
        quantised: whether the file holds floats.

    Raises:
        EvaluationError: the file is missing or damaged, or holds no images, floats in another range, NaN.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, f"array:{path.name}"
        x = torch.from_numpy(np.ascontiguousarray(_channels_first(_read(path), path)))
        self.quantised = x.is_floating_point()
        if self.quantised:
            check_finite(x, range(len(x)))
            if x.min() < -1 or x.max() > 1 or x.min() >= 0:
                low, high = x.min().item(), x.max().item()
                raise EvaluationError(
                    f"{path} holds floats from {low:.4g} to {high:.4g}; floats are images in [-1, 1], else save uint8"
                )
            x = to_uint8(x)
        self.x, self.shape = x, tuple(x.shape[1:])

    def _load(self, split: str) -> TensorSet:
        return TensorSet(f"{self.name}/{split}", self.x)


def _read(path: Path) -> np.ndarray:
    try:
        with path.open("rb") as file:  # NumPy leaves a damaged archive open
            found = np.load(file, allow_pickle=False)
            if isinstance(found, np.ndarray):
                return found
            arrays = [found[name] for name in found.files]
    except FileNotFoundError as error:
        raise EvaluationError(f"there is no file {path}") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise EvaluationError(f"{path} cannot be read as NumPy's {path.suffix}: {error}") from error
    images = [array for array in arrays if array.ndim in (3, 4)]
    if len(images) != 1:
        raise EvaluationError(f"{path} holds {len(images)} arrays that may be images, and should hold one")
    return images[0]


def _channels_first(x: np.ndarray, path: Path) -> np.ndarray:
    if x.ndim == 3:
        x = x[:, None]
    elif x.ndim == 4 and x.shape[1] not in (1, 3) and x.shape[3] in (1, 3):
        x = x.transpose(0, 3, 1, 2)
    fits = x.ndim == 4 and x.shape[1] in (1, 3) and len(x) > 0
    if not fits or not (x.dtype == np.uint8 or np.issubdtype(x.dtype, np.floating)):
        raise EvaluationError(
            f"{path} holds {x.dtype} of shape {x.shape}, not images: uint8 or floats of one or three channels"
        )
    return x
