"""f-divergences of two distributions over the same points, exact in float64.

p is the data's distribution, q the generator's, as masses (N,) that sum to one; densities become masses by
`Grid.masses`, and each sum below is then the integral.  Logarithms are natural: values are in nats.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from ganlab.theory.distributions import pair

LOG_2 = math.log(2)  # the greatest value of the Jensen-Shannon divergence


def kl(p: ArrayLike, q: ArrayLike) -> float:
    """KL(p || q) = sum p log(p / q), in [0, inf] nats; infinite where q lacks mass that p has."""
    return _kl(*pair(p, q))


def reverse_kl(p: ArrayLike, q: ArrayLike) -> float:
    """KL(q || p), in [0, inf] nats; infinite where the generator has mass that the data lack."""
    return _kl(*pair(q, p))


def jensen_shannon(p: ArrayLike, q: ArrayLike) -> float:
    """JSD = (KL(p || m) + KL(q || m)) / 2 with m = (p + q) / 2, in [0, log 2] nats; log 2 for disjoint supports."""
    p, q = pair(p, q)
    middle = (p + q) / 2
    return (_kl(p, middle) + _kl(q, middle)) / 2


def total_variation(p: ArrayLike, q: ArrayLike) -> float:
    """TV = sum |p - q| / 2, in [0, 1]: the greatest difference of the probabilities of one event."""
    p, q = pair(p, q)
    return float(np.abs(p - q).sum() / 2)


def chi_squared(p: ArrayLike, q: ArrayLike) -> float:
    """Pearson's chi^2(p || q) = sum (p - q)^2 / q, in [0, inf]; infinite where q lacks mass that p has."""
    p, q = pair(p, q)
    if (p[q == 0] > 0).any():
        return math.inf
    there = q > 0
    return float(((p - q)[there] ** 2 / q[there]).sum())


def squared_hellinger(p: ArrayLike, q: ArrayLike) -> float:
    """H^2 = sum (sqrt p - sqrt q)^2, in [0, 2]."""
    p, q = pair(p, q)
    return float(((np.sqrt(p) - np.sqrt(q)) ** 2).sum())


def triangular(p: ArrayLike, q: ArrayLike) -> float:
    """Delta = sum (p - q)^2 / (p + q), in [0, 2]: what the least-squares loss of D estimates.

    At the optimal D, d_loss = (b - a)^2 / 4 (1 - Delta / 2) with LSGAN's targets a and b.
    """
    p, q = pair(p, q)
    there = p + q > 0
    return float(((p - q)[there] ** 2 / (p + q)[there]).sum())


def entropy(p: ArrayLike) -> float:
    """H(p) = -sum p log p of masses, in [0, log N] nats."""
    p, _ = pair(p, p)
    return float(-(p[p > 0] * np.log(p[p > 0])).sum())


def _kl(p: np.ndarray, q: np.ndarray) -> float:
    there = p > 0
    if (q[there] == 0).any():
        return math.inf
    return max(0.0, float((p[there] * np.log(p[there] / q[there])).sum()))  # rounding may leave -1e-17
