"""What can be read off a game while it is played: scalars from one match, a network, or two sets of weights."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganlab.objectives import Match
from ganlab.objectives.base import Critic, at_least_float32
from ganlab.penalties import CriticFunction, full_precision, input_gradients
from ganlab.randomness import Draws

SAMPLES = 128  # of a batch, compared with each other
SLOPES = 16  # samples of a kind at which D's slope is taken
_POWER_ITERATIONS = 8


def accuracy(real: Tensor, fake: Tensor, critic: Critic = "scalar") -> Tensor:
    """Share of pairs of a real and a generated sample of which D prefers the real one, in [0, 1]; ties count half.

    It needs no decision boundary, so it is the same for logits, scores and energies: 1/2 is guessing, 1 is a D
    that is always right.

    Args:
        real, fake: D's values, (N,) and (M,); an autoencoder's energies are low for real samples.
    """
    higher = at_least_float32(real)[:, None] - at_least_float32(fake)
    if critic == "autoencoder":
        higher = -higher
    return (higher.sign().mean() + 1) / 2


def diversity(real: Tensor, fake: Tensor) -> Tensor:
    """Mean distance between two fakes over that between two real samples, >= 0; about 1 is as it should be.

    Args:
        real, fake: samples or features, (N, ...) and (M, ...).
    """
    return _mean_distance(fake) / _mean_distance(real).clamp(min=1e-12)


def shift(real: Tensor, fake: Tensor) -> Tensor:
    """Distance of the mean fake from the mean real sample over the mean distance between two real samples, >= 0."""
    means = _rows(real).mean(0), _rows(fake).mean(0)
    return (means[0] - means[1]).norm() / _mean_distance(real).clamp(min=1e-12)


def duplicates(real: Tensor, fake: Tensor) -> Tensor:
    """Share of fakes that have a twin, in [0, 1].

    A twin is another fake nearer than a tenth of the median distance of a real sample to its nearest other.
    """
    return (_nearest(fake) < 0.1 * _nearest(real).median()).double().mean()


def slopes(critic: CriticFunction, match: Match, draws: Draws) -> dict[str, Tensor]:
    """Norm of D's gradient by its input: means at real samples, fakes and between them, and the steepest of all."""
    real, fake = full_precision(match.x_real[:SLOPES]), full_precision(match.x_fake[:SLOPES])
    n = min(len(real), len(fake))
    epsilon = draws.uniform(n, *[1] * (real.dim() - 1), dtype=real.dtype)
    between = epsilon * real[:n] + (1 - epsilon) * fake[:n]
    gradients = input_gradients(critic, torch.cat([real, fake, between]), differentiable=False)
    norms = gradients.norm(dim=1).split([len(real), len(fake), n])
    means = {name: part.mean() for name, part in zip(("real", "fake", "between"), norms, strict=True)}
    return {**means, "steepest": torch.cat(norms).max()}


def largest_singular_value(network: nn.Module) -> Tensor | None:
    """The largest singular value of all spectrally normalised weights, about 1; None where there are none.

    A few power iterations of its own find it, from below: the layer's vectors stay as they are.
    """
    found = []
    for layer in network.modules():
        if parametrize.is_parametrized(layer, "weight"):
            weight = layer.weight.detach().flatten(1)  # type: ignore[operator]
            v = torch.ones_like(weight[0])
            for _ in range(_POWER_ITERATIONS):
                u = torch.nn.functional.normalize(weight @ v, dim=0)
                v = torch.nn.functional.normalize(weight.T @ u, dim=0)
            found.append((weight @ v).norm())
    return torch.stack(found).max() if found else None


def norm(tensors: Sequence[Tensor]) -> Tensor:
    """Euclidean norm of all numbers in some tensors together."""
    return torch.stack(torch._foreach_norm(list(tensors))).norm()


def relative_change(before: Sequence[Tensor], after: Sequence[Tensor]) -> Tensor:
    """||after - before|| / ||before|| of a network's weights."""
    return norm(torch._foreach_sub(list(after), list(before))) / norm(before).clamp(min=1e-12)


def _mean_distance(x: Tensor) -> Tensor:
    x = _rows(x)
    return torch.cdist(x, x).sum() / max(1, len(x) * (len(x) - 1))


def _nearest(x: Tensor) -> Tensor:
    """Distance of every sample to its nearest other one."""
    x = _rows(x)
    return (torch.cdist(x, x) + torch.eye(len(x), dtype=x.dtype, device=x.device) * 1e30).amin(1)


def _rows(x: Tensor) -> Tensor:
    return at_least_float32(x.detach()[:SAMPLES].flatten(1))
