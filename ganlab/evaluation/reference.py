"""What an evaluation must know of the real images: computed once, kept in a cache file by content hash."""

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganlab.atomic import atomic_file
from ganlab.data import TensorSet
from ganlab.evaluation.extractors import Extractor
from ganlab.evaluation.frechet import Moments, MomentSum, symmetric_root
from ganlab.evaluation.neighbours import NEIGHBOURS, kth_neighbour, radii

NEIGHBOURS_AMONG = 10_000  # at most so many images take part in nearest-neighbour measures
_FORMAT = 1  # to be raised when what is computed or stored changes
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reference:
    """Statistics of the real images in one extractor's feature space, on the CPU.

    Attributes:
        moments: mean and covariance of all features, and `root`, the covariance's square root.
        features: (K, D) float32, of at most NEIGHBOURS_AMONG images.
        radii: (K,) float64, of the balls that density and coverage count in.
        held_out: (H,) float64 distances from held-out images to their nearest in `features`, or None.
    """

    moments: Moments
    root: Tensor
    features: Tensor
    radii: Tensor
    held_out: Tensor | None


def get_reference(
    extractor: Extractor, real: TensorSet, held_out: TensorSet | None, *,
    cache: Path, batch_size: int, device: torch.device | str,
) -> Reference:  # fmt: skip
    """The reference from its cache file, or computed and written there; a corrupt file is replaced."""
    key = {
        "format": _FORMAT, "extractor": extractor.name, "weights": extractor.sha256, "dtype": "float32",
        "real": real.sha256, "held_out": held_out.sha256 if held_out else None,
        "neighbours": [NEIGHBOURS, NEIGHBOURS_AMONG],
    }  # fmt: skip
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    path = cache / "reference" / f"{extractor.name}-{digest[:16]}.pt"
    if (reference := _read(path, key)) is not None:
        return reference
    reference = _compute(extractor, real, held_out, batch_size=batch_size, device=device)
    state = {"key": key, **vars(reference), "moments": vars(reference.moments)}
    try:
        with atomic_file(path) as file:
            torch.save(state, file)
    except OSError as error:
        _log.warning("the reference statistics are not kept: %s", error)
    return reference


def _read(path: Path, key: dict[str, Any]) -> Reference | None:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state.pop("key") != key:
            return None
        return Reference(**{**state, "moments": Moments(**state["moments"])})
    except FileNotFoundError:
        return None
    except Exception:  # what unpickling noise raises is not a closed list
        _log.warning("%s is corrupt: computing the reference statistics again", path)
        return None


def _compute(
    extractor: Extractor,
    real: TensorSet,
    held_out: TensorSet | None,
    *,
    batch_size: int,
    device: torch.device | str,
) -> Reference:
    chosen = _subset(len(real))
    keep = torch.zeros(len(real), dtype=torch.bool).index_fill_(0, chosen, True)
    sums, features = None, []
    for x, kept in zip(torch.split(real.x, batch_size), torch.split(keep, batch_size), strict=True):
        batch, _ = extractor(x.to(device))
        sums = (sums or MomentSum(batch.shape[1], device=batch.device)).add(batch)
        features.append(batch[kept.to(device)])
    near = torch.cat(features)
    distances = None
    if held_out is not None:
        batches = torch.split(held_out.x[_subset(len(held_out))], batch_size)
        distances = torch.cat([kth_neighbour(extractor(x.to(device))[0], near) for x in batches]).cpu()
    assert sums is not None
    moments = sums.moments()
    return Reference(moments, symmetric_root(moments.covariance), near.cpu(), radii(near).cpu(), distances)


def _subset(n: int) -> Tensor:
    """Indices of all n images, or of NEIGHBOURS_AMONG of them."""
    if n <= NEIGHBOURS_AMONG:
        return torch.arange(n)
    return torch.randperm(n, generator=torch.Generator().manual_seed(0))[:NEIGHBOURS_AMONG]
