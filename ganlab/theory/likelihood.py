"""Maximum likelihood is minimum KL(data || model): expectation maximisation of a Gaussian mixture shows it.

With q_theta the model and p the data, E_p[-log q_theta] = KL(p || q_theta) + H(p), and H(p) does not depend on
theta.  The integrand of that KL is p log(p / q_theta).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ganlab.errors import TheoryError
from ganlab.theory.distributions import masses, vector


@dataclass(frozen=True)
class LineMixture:
    """A mixture of Gaussians on the line.

    Attributes:
        shares: (K,) that sum to one.
        means, stds: (K,), stds > 0.
    """

    shares: np.ndarray
    means: np.ndarray
    stds: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "shares", masses(self.shares, name="shares"))
        for name in ("means", "stds"):
            object.__setattr__(self, name, vector(getattr(self, name), name=name))
        if not (len(self.shares) == len(self.means) == len(self.stds)) or (self.stds <= 0).any():
            raise TheoryError("a mixture needs as many means and positive standard deviations as shares")

    def log_density(self, x: ArrayLike) -> np.ndarray:
        """log q(x) in nats at numbers (N,): (N,)."""
        return np.logaddexp.reduce(self._joint(vector(x, name="x")), axis=1)

    def density(self, x: ArrayLike) -> np.ndarray:
        return np.exp(self.log_density(x))

    def _joint(self, x: np.ndarray) -> np.ndarray:
        """log of share times density of every component, (N, K)."""
        z = (x[:, None] - self.means) / self.stds
        with np.errstate(divide="ignore"):  # a share may be 0
            shares = np.log(self.shares)
        return shares - np.log(self.stds * np.sqrt(2 * np.pi)) - z**2 / 2


def negative_log_likelihood(x: ArrayLike, model: LineMixture, weights: ArrayLike | None = None) -> float:
    """-E log q in nats, over numbers (N,) with masses (N,), equal ones by default."""
    x, weights = _weighted(x, weights)
    return float(-(weights * model.log_density(x)).sum())


def fit(
    x: ArrayLike, start: LineMixture, weights: ArrayLike | None = None, *, steps: int = 200
) -> list[LineMixture]:
    """Expectation maximisation from a start: the models after 0, 1, ..., `steps` steps.

    Each step lowers `negative_log_likelihood`.  With samples it is maximum likelihood; with the points of a
    grid and the masses of a density it minimises KL(density || model), by the same arithmetic.

    Raises:
        TheoryError: a component has lost all its mass, or has shrunk to a point.
    """
    x, weights = _weighted(x, weights)
    models = [start]
    for _ in range(steps):
        joint = models[-1]._joint(x)
        share = np.exp(joint - np.logaddexp.reduce(joint, axis=1, keepdims=True)) * weights[:, None]
        total = share.sum(0)
        if (total < 1e-12).any():
            raise TheoryError("a component of the mixture has lost all its mass; start elsewhere")
        means = (share * x[:, None]).sum(0) / total
        variances = (share * (x[:, None] - means) ** 2).sum(0) / total
        if (variances < 1e-18).any():
            raise TheoryError("a component of the mixture has shrunk to a point; start elsewhere")
        models.append(LineMixture(total / total.sum(), means, np.sqrt(variances)))
    return models


def _weighted(x: ArrayLike, weights: ArrayLike | None) -> tuple[np.ndarray, np.ndarray]:
    numbers = vector(x, name="x")
    if weights is None:
        return numbers, np.full(len(numbers), 1 / len(numbers))
    weighted = masses(weights, name="weights")
    if len(weighted) != len(numbers):
        raise TheoryError(f"there are {len(weighted)} weights for {len(numbers)} numbers")
    return numbers, weighted
