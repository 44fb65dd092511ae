"""f-divergences of two distributions over the same points, exact in float64.

p is the data's distribution, q the generator's, as masses (N,) that sum to one; densities become masses by
`Grid.masses`, and each sum below is then the integral.  Logarithms are natural: values are in nats.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from ganlab.theory.distributions import masses, pair

LOG_2 = math.log(2)  # the greatest value of the Jensen-Shannon divergence
NEGLIGIBLE = 1e-162  # its square is 0 in float64: where p is less, a q of 0 has underflowed


def kl(p: ArrayLike, q: ArrayLike) -> float:
    """KL(p || q) = sum p log(p / q), in [0, inf] nats; infinite where q lacks mass that p has.

    Densities underflow in their tails, so a zero of q counts only where p is above `NEGLIGIBLE`.
    """
    return _kl(*pair(p, q))


def reverse_kl(p: ArrayLike, q: ArrayLike) -> float:
    """KL(q || p), in [0, inf] nats; infinite where the generator has mass that the data lack."""
    p, q = pair(p, q)
    return _kl(q, p)


def jensen_shannon(p: ArrayLike, q: ArrayLike) -> float:
    """JSD = (KL(p || m) + KL(q || m)) / 2 with m = (p + q) / 2, in [0, log 2] nats; log 2 for disjoint supports."""
    p, q = pair(p, q)
    return min(LOG_2, max(0.0, (_to_the_middle(p, q) + _to_the_middle(q, p)) / 2))


def total_variation(p: ArrayLike, q: ArrayLike) -> float:
    """TV = sum |p - q| / 2, in [0, 1]: the greatest difference of the probabilities of one event."""
    p, q = pair(p, q)
    return min(1.0, float(np.abs(p - q).sum() / 2))


def chi_squared(p: ArrayLike, q: ArrayLike) -> float:
    """Pearson's chi^2(p || q) = sum (p - q)^2 / q, in [0, inf]; infinite where q lacks mass that p has, as in `kl`."""
    p, q = pair(p, q)
    if _lacks(q, p):
        return math.inf
    there = q > 0
    with np.errstate(over="ignore"):  # inf is what it is beyond float64
        return float(((p - q)[there] ** 2 / q[there]).sum())


def squared_hellinger(p: ArrayLike, q: ArrayLike) -> float:
    """H^2 = sum (sqrt p - sqrt q)^2, in [0, 2]."""
    p, q = pair(p, q)
    return min(2.0, float(((np.sqrt(p) - np.sqrt(q)) ** 2).sum()))


def triangular(p: ArrayLike, q: ArrayLike) -> float:
    """Delta = sum (p - q)^2 / (p + q), in [0, 2]: what the least-squares loss of D estimates.

    At the optimal D, d_loss = (b - a)^2 / 4 (1 - Delta / 2) with LSGAN's targets a and b.
    """
    p, q = pair(p, q)
    there = p + q > 0
    return min(2.0, float(((p - q)[there] ** 2 / (p + q)[there]).sum()))


def entropy(p: ArrayLike) -> float:
    """H(p) = -sum p log p of masses, in [0, log N] nats."""
    p = masses(p)
    return float(-(p[p > 0] * np.log(p[p > 0])).sum())


def _kl(p: np.ndarray, q: np.ndarray) -> float:
    if _lacks(q, p):
        return math.inf
    there = (p > 0) & (q > 0)
    p, q = p[there], q[there]
    # p / q may overflow; rounding may leave -1e-17
    return max(0.0, float((p * (np.log(p) - np.log(q))).sum()))


def _lacks(q: np.ndarray, p: np.ndarray) -> bool:
    """Whether q lacks mass that p has."""
    return bool((p[q == 0] > NEGLIGIBLE).any())


def _to_the_middle(p: np.ndarray, q: np.ndarray) -> float:
    """KL(p || (p + q) / 2); half of the least number is 0, so nothing is halved."""
    there = p > 0
    return float((p[there] * (np.log(p[there]) - np.log((p + q)[there]) + LOG_2)).sum())
