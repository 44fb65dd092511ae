"""The Parzen-window log-likelihood by which the original paper measured its generators (section 5).

An estimate of high variance that does poorly in high dimensions, as the paper itself says; kept to compare with it.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ganlab.errors import TheoryError
from ganlab.theory.distributions import numbers

_ROWS = 512


@dataclass(frozen=True)
class ParzenResult:
    """A mean log-likelihood with what it depends on.

    Attributes:
        mean: over the test samples, in nats; higher is better.
        standard_error: of that mean.
        sigma: the window's standard deviation, in the unit of the scaled samples.
    """

    mean: float
    standard_error: float
    sigma: float


def parzen_log_likelihood(x: Tensor | ArrayLike, centres: Tensor | ArrayLike, *, sigma: float) -> Tensor:
    """log 1/M sum_j N(x; s_j, sigma^2 I) in nats of samples (N, ...) under windows at (M, ...): (N,) float64."""
    if not (math.isfinite(sigma) and sigma > 0):
        raise TheoryError(f"sigma must be positive and finite, got {sigma}")
    x, centres = _flat(x, "x"), _flat(centres, "centres")
    if x.shape[1] != centres.shape[1]:
        raise TheoryError(
            f"x has {x.shape[1]} dimensions and the centres {centres.shape[1]}; they must agree"
        )
    normaliser = math.log(len(centres)) + x.shape[1] * math.log(sigma * math.sqrt(2 * math.pi))
    logs = [
        torch.logsumexp(-(torch.cdist(rows, centres) / sigma).square() / 2, dim=1) for rows in x.split(_ROWS)
    ]
    return torch.cat(logs) - normaliser


def parzen(
    test: Tensor | ArrayLike, fakes: Tensor | ArrayLike, validation: Tensor | ArrayLike, *,
    scale: float = 1.0, sigmas: Sequence[float] | None = None,
) -> ParzenResult:  # fmt: skip
    """The paper's protocol: sigma by cross-validation, then the mean log-likelihood of the test samples.

    A density has a unit: samples that are multiplied by s have a log-likelihood that is lower by d log s.  The
    paper's pixels are in [0, 1] and ganlab's in [-1, 1], so its table is met at ``scale=0.5``.

    Args:
        test: real samples (N, ...), never used to choose sigma.
        fakes: the generator's (M, ...), the windows' centres; the paper has 10,000.
        validation: real samples (K, ...) whose likelihood chooses sigma.
        scale: what all samples are multiplied by first, > 0.
        sigmas: to choose from, ascending, in the unit of the scaled samples; by default 20 from 0.01 to 1 times
            the data's own standard deviation.  A best one at an end of several draws a warning.
    """
    if not (math.isfinite(scale) and scale > 0):
        raise TheoryError(f"scale must be positive and finite, got {scale}")
    test, fakes, validation = (
        scale * _flat(x, name) for x, name in ((test, "test"), (fakes, "fakes"), (validation, "validation"))
    )
    if sigmas is None:
        sigmas = (validation.std(0).mean().item() * np.geomspace(0.01, 1, 20)).tolist()
    if not sigmas:
        raise TheoryError("there is no sigma to choose from")
    scores = [parzen_log_likelihood(validation, fakes, sigma=sigma).mean().item() for sigma in sigmas]
    best = max(range(len(scores)), key=scores.__getitem__)
    sigma = sigmas[best]
    if best in (0, len(sigmas) - 1) and len(sigmas) > 1:
        warnings.warn(f"the best sigma, {sigma:.3g}, is at an end of those tried; try further", stacklevel=2)
    logs = parzen_log_likelihood(test, fakes, sigma=sigma)
    error = logs.std().item() / math.sqrt(len(logs)) if len(logs) > 1 else math.nan
    return ParzenResult(logs.mean().item(), error, sigma)


def _flat(x: Tensor | ArrayLike, name: str) -> Tensor:
    x = x if isinstance(x, Tensor) else torch.from_numpy(numbers(x, name=name))
    if x.dim() < 2 or not x.numel():
        raise TheoryError(f"{name} must be samples of shape (N, ...), got {list(x.shape)}")
    x = x.flatten(1).double()
    if not x.isfinite().all():
        raise TheoryError(f"{name} has values that are not finite")
    return x
