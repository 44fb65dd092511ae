"""Checkpoint files: written whole or not at all, loaded without executing what is in them."""

import os
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import Tensor

from ganlab.atomic import atomic_file
from ganlab.errors import CheckpointError


class AtomicCheckpointIO(TorchCheckpointIO):
    """Saves under a temporary name, syncs to disk and renames; what stood there before survives any failure."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        path = Path(path)
        try:
            with atomic_file(path) as file:
                torch.save(checkpoint, file)
            _sync_folder(path.parent)
        except (OSError, RuntimeError) as error:  # torch reports a failed write as a RuntimeError
            reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
            raise CheckpointError(f"cannot save the checkpoint {path}: {reason}") from error

    def load_checkpoint(
        self, path: Any, map_location: Callable | None = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        return load_checkpoint(Path(path))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint of a ganlab run, on the CPU.

    Raises:
        CheckpointError: it is missing, corrupt, or was not written by ganlab.
    """
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no checkpoint {path}") from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"the checkpoint {path} is corrupt or not a checkpoint at all") from error
    if not isinstance(checkpoint, dict) or "ganlab" not in checkpoint:
        raise CheckpointError(f"the checkpoint {path} was not written by ganlab")
    return checkpoint


def check_shapes(saved: Mapping[str, Tensor], built: Mapping[str, Tensor]) -> None:
    """Raise CheckpointError unless two state dicts have the same names and shapes."""
    theirs, mine = ({name: list(tensor.shape) for name, tensor in state.items()} for state in (saved, built))
    for name in sorted(mine.keys() | theirs.keys()):
        if mine.get(name) != theirs.get(name):
            there, here = (shapes.get(name, "absent") for shapes in (theirs, mine))
            raise CheckpointError(
                f"the checkpoint does not fit this configuration: {name} is {there} there and {here} here"
            )


def verifies(path: Path) -> bool:
    """Whether a checkpoint file is whole: the checksum of every record in it agrees."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile):
        return False


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
