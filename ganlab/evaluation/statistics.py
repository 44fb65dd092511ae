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
        EvaluationError: the file is missing, damaged, holds no ``mu`` and ``sigma`` that fit together, a ``sigma`` that
            is no covariance, or was made with another extractor or other weights than these.
    """

    def __init__(self, path: Path, *, extractor: str, weights_sha256: str) -> None:
        try:
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                found = [file[name] for name in ("mu", "sigma")]
                if any(np.iscomplexobj(array) for array in found):
                    raise ValueError("they are complex")
                mu, sigma = (np.asarray(array, dtype=np.float64) for array in found)
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
        _check_covariance(sigma, path)
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


def _check_covariance(sigma: np.ndarray, path: Path) -> None:
    """Raise EvaluationError unless sigma (D, D) is symmetric and positive semi-definite, but for float32's rounding."""
    tolerance = 1e-4 * np.abs(sigma).max(initial=0)
    if np.abs(sigma - sigma.T).max(initial=0) > tolerance:
        raise EvaluationError(f"sigma in {path} is not symmetric, and so no covariance")
    if (smallest := np.linalg.eigvalsh(sigma).min(initial=0)) < -tolerance:
        raise EvaluationError(
            f"sigma in {path} has the eigenvalue {smallest:.3g}, below 0, and so is no covariance"
        )
