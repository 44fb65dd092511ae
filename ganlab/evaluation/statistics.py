"""Reference statistics in a file that other tools read and write: an ``.npz`` with ``mu`` and ``sigma``."""

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ganlab.atomic import atomic_file
from ganlab.errors import EvaluationError
from ganlab.evaluation.frechet import Moments, symmetric_root
from ganlab.evaluation.reference import Depth, Reference
from ganlab.evaluation.result import Tick
from ganlab.evaluation.shards import Shards


def write_statistics(path: Path, moments: Moments, *, about: dict[str, str | int]) -> None:
    """Write ``mu`` (D,), ``sigma`` (D, D), both float64, and beside them what they are of.

    Raises EvaluationError if the file cannot be written.
    """
    arrays: dict[str, Any] = {
        "mu": moments.mean.numpy(),
        "sigma": moments.covariance.numpy(),
        "n": moments.n,
        **about,
    }
    try:
        with atomic_file(path) as file:
            np.savez(file, **arrays)
    except OSError as error:
        raise EvaluationError(f"cannot write {path}: {error.strerror or error}") from error


def holds_statistics(path: Path) -> bool:
    """Whether this is an ``.npz`` with ``mu`` and ``sigma`` in it."""
    if not path.is_file() or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return {"mu.npy", "sigma.npy"} <= set(archive.namelist())


class StatisticsFile:
    """Mean and covariance of real features that somebody has worked out; enough for FID and nothing else.

    Attributes:
        n: images they are of; None where the file does not say.
        name: of the reference, for protocols.
        sha256: of mean and covariance.
        moments: float64.

    Raises:
        EvaluationError: the file is missing, damaged, holds no ``mu`` and ``sigma`` that fit together, or was made
            with another extractor or other weights than these.
    """

    def __init__(self, path: Path, *, extractor: str, weights_sha256: str) -> None:
        try:
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                mu, sigma = (np.asarray(file[name], dtype=np.float64) for name in ("mu", "sigma"))
                said = {
                    name: file[name].item() for name in ("n", "extractor", "weights_sha256") if name in file
                }
        except FileNotFoundError as error:
            raise EvaluationError(f"there is no file {path}") from error
        except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise EvaluationError(
                f"{path} holds no reference statistics, an .npz with mu and sigma: {error}"
            ) from error
        if (
            mu.ndim != 1
            or sigma.shape != (len(mu), len(mu))
            or not (np.isfinite(mu).all() and np.isfinite(sigma).all())
        ):
            raise EvaluationError(
                f"{path} holds mu of shape {mu.shape} and sigma of shape {sigma.shape}: no statistics"
            )
        for key, ours in (("extractor", extractor), ("weights_sha256", weights_sha256)):
            if said.get(key, ours) != ours:
                raise EvaluationError(
                    f"{path} was made with {key} {said[key]}, and this evaluation has {ours}"
                )
        self.n: int | None = said.get("n")
        self.name, self.sha256 = (
            f"statistics:{path.name}",
            hashlib.sha256(mu.tobytes() + sigma.tobytes()).hexdigest(),
        )
        self.moments = Moments(self.n or 0, torch.from_numpy(mu), torch.from_numpy(sigma))

    def get(
        self, depth: Depth, *, device: torch.device | str, shards: Shards, tick: Tick | None = None
    ) -> Reference:
        """The reference of FID, which is all that can be had of moments."""
        assert depth == "moments", f"{depth} asked of a file of statistics"
        nothing = torch.empty(0)
        return Reference(
            self.moments, symmetric_root(self.moments.covariance), nothing, nothing.long(), nothing, nothing
        )
