"""What nearest neighbours in feature space tell: density, coverage, memorisation."""

import torch
from torch import Tensor

NEIGHBOURS = 5  # Naeem et al. 2020, section 4.1
_ROWS, _COLUMNS = 1024, 8192  # of a table of distances


def nearest(x: Tensor, y: Tensor, *, k: int = 1) -> tuple[Tensor, Tensor]:
    """The k nearest rows of `y` (M, D) to every row of `x` (N, D), nearest first, on the device of `x`.

    `y` may be a whole training set in float32 on the CPU: it passes block by block.

    Returns:
        Distances (N, k) float64, and numbers of rows (N, k).
    """
    distance = torch.empty(len(x), 0, dtype=torch.float64, device=x.device)
    number = torch.empty(len(x), 0, dtype=torch.int64, device=x.device)
    for start in range(0, len(y), _COLUMNS):
        # in float32 the distance of equal rows comes out as 1e-3 of their norm
        block = y[start : start + _COLUMNS].to(x.device).double()
        tables = (torch.cdist(rows.double(), block) for rows in torch.split(x, _ROWS))
        found = [table.topk(min(k, len(block)), largest=False) for table in tables]
        distance = torch.cat([distance, torch.cat([f.values for f in found])], dim=1)
        number = torch.cat([number, start + torch.cat([f.indices for f in found])], dim=1)
        distance, best = distance.topk(min(k, distance.shape[1]), largest=False)
        number = number.gather(1, best)
    return distance, number


def kth_neighbour(x: Tensor, y: Tensor, *, k: int = 1) -> Tensor:
    """Distance (N,) float64 from every row of `x` (N, D) to its k-th nearest row of `y` (M, D)."""
    return nearest(x, y, k=k)[0][:, -1]


def radii(real: Tensor) -> Tensor:
    """Distance (N,) from every real feature to its NEIGHBOURS-th nearest other, at most the farthest."""
    return kth_neighbour(real, real, k=min(NEIGHBOURS + 1, len(real)))


def density_and_coverage(real: Tensor, radii: Tensor, fake: Tensor) -> tuple[float, float]:
    """Naeem et al. 2020, Reliable fidelity and diversity metrics, equations 3 and 4.

    Args:
        real: features (N, D), the centres of balls of `radii` (N,) that hold k = NEIGHBOURS other real ones.
        fake: features (M, D).

    Returns:
        Density: in how many balls a fake lies, over k; about 1 for real images, 0 for remote ones, unbounded.
        Coverage: share of balls that hold a fake, in [0, 1]; 1 - 2^-k expected for as many real images.
    """
    hits, covered = 0, torch.zeros(len(real), dtype=torch.bool, device=real.device)
    for rows in torch.split(fake, _ROWS):
        inside = torch.cdist(rows.double(), real.double()) < radii
        hits += int(inside.sum().item())
        covered |= inside.any(0)
    return hits / (NEIGHBOURS * len(fake)), covered.double().mean().item()


def memorisation(fake: Tensor, held_out: Tensor) -> float:
    """How many more fakes than fresh real images lie too close to the training set: D+ in [0, 1].

    The three samples of Meehan, Chaudhuri and Dasgupta (2020), A non-parametric test to detect data-copying:
    distances to the nearest training image, of fakes and of real images that were held out, are compared.
    In place of their rank statistic stands Smirnov's one-sided D+ = sup_t F_fake(t) - F_held_out(t), since
    it does not let half a set of bad fakes hide half a set of copies: if a share p of the fakes are exact
    copies, D+ >= p - F_held_out(0).  As many fresh real images as held-out ones, N, exceed
    sqrt(-ln(a) / N) with probability a: 0.06 for a = 5 % and N = 900.

    Args:
        fake: distances (N,) from the fakes to their nearest training image.
        held_out: distances (M,) from held-out real images to theirs.
    """
    thresholds = fake.sort().values
    below = torch.searchsorted(thresholds, thresholds, right=True) / len(fake)
    expected = torch.searchsorted(held_out.sort().values, thresholds, right=True) / len(held_out)
    return max(0.0, (below.double() - expected.double()).max().item())
