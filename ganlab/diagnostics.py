"""What can be read off a game while it is played: scalars from one match, a network, or two sets of weights."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganlab.objectives import Match, Objective, Scores
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
    return accuracy_of_each(real, fake[None], critic)[0]


def accuracy_of_each(real: Tensor, fakes: Tensor, critic: Critic = "scalar") -> Tensor:
    """`accuracy` against K batches of fakes at once: (N,) and (K, M) -> (K,)."""
    higher = at_least_float32(real)[:, None, None] - at_least_float32(fakes)
    if critic == "autoencoder":
        higher = -higher
    return (higher.sign().mean((0, 2)) + 1) / 2


def signal(objective: Objective, match: Match) -> Tensor:
    """Mean over fakes of |d g_loss_i / d D(G(z_i))|, >= 0: what the loss itself lets through to G.

    It is D(G(z)) for minimax, so it vanishes where D is sure of the fakes, 1 - D(G(z)) for the non-saturating loss,
    and 1 for the losses that are linear in D's value.  No network is passed backwards.
    """
    with torch.enable_grad():
        value = at_least_float32(match.fake.value).detach().requires_grad_()
        loss = objective.g_loss(replace(match, fake=Scores(value, match.fake.features)))
        (gradient,) = torch.autograd.grad(loss, value)
    return gradient.abs().sum()


def diversity(real: Tensor, fake: Tensor) -> Tensor:
    """Mean distance between two fakes over that between two real samples, >= 0; about 1 is as it should be.

    Args:
        real, fake: samples or features, (N, ...) and (M, ...).
    """
    return _mean(_distances(_rows(fake))) / _mean(_distances(_rows(real))).clamp(min=1e-12)


def likeness(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """How the fakes of a batch lie beside each other and beside the data, from one look at all distances.

    ``samples``: their `diversity`.  ``kinds``: the effective number of different fakes over that of real samples, each
    the inverse of the mean of exp(-(d / h)^2) over pairs at distance d, h half the median distance of real samples
    (the Vendi score of order 2 without its diagonal); unlike a mean distance it falls when modes are lost that lie
    between others.  ``shift``: distance of the mean fake from the mean real sample over the mean distance between
    two real samples, >= 0.  ``duplicates``: share of fakes with a twin, in [0, 1]: another fake nearer than a tenth
    of the median distance of a real sample to its nearest other.

    Args:
        real, fake: samples, (N, ...) and (M, ...).
    """
    real, fake = _rows(real), _rows(fake)
    among_real, among_fake = _distances(real), _distances(fake)
    scale = _mean(among_real).clamp(min=1e-12)
    width = among_real.median().clamp(min=1e-12) / 2
    return {
        "samples": _mean(among_fake) / scale,
        "kinds": _overlap(among_real, width) / _overlap(among_fake, width).clamp(min=1e-12),
        "shift": (real.mean(0) - fake.mean(0)).norm() / scale,
        "duplicates": (_nearest(among_fake) < 0.1 * _nearest(among_real).median()).double().mean(),
    }


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


def _distances(x: Tensor) -> Tensor:
    """Between all pairs of rows: (N, D) -> (N, N), with zeros on the diagonal."""
    return torch.cdist(x, x)


def _mean(distances: Tensor) -> Tensor:
    """Over the pairs of different rows."""
    n = len(distances)
    return distances.sum() / max(1, n * (n - 1))


def _overlap(distances: Tensor, width: Tensor) -> Tensor:
    """Mean Gaussian similarity of different rows, in [0, 1]."""
    return _mean((-(distances / width).square()).exp().fill_diagonal_(0))


def _nearest(distances: Tensor) -> Tensor:
    """Of every row to the nearest other one."""
    return distances.clone().fill_diagonal_(torch.inf).amin(1)


def _rows(x: Tensor) -> Tensor:
    return at_least_float32(x.detach()[:SAMPLES].flatten(1))
