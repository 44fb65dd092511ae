"""Every penalty against finite differences of a critic that is written here, in float64."""

import numpy as np
import pytest
import torch
from torch import nn

from ganlab.objectives import Match, Scores
from ganlab.penalties import R1, R2, Dragan, DraganUniform, Drift, GradientPenalty, OneCentred
from ganlab.randomness import Draws

N, SHAPE = 5, (2, 3, 2)


def draws():
    return Draws("penalty", generator=torch.Generator())


class Critic(nn.Module):
    """sin(w . x) + x' A x / 2: not linear, not symmetric, with another gradient at every sample."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        d = int(np.prod(SHAPE))
        self.w = nn.Parameter(torch.randn(d, generator=generator, dtype=torch.float64))
        self.a = nn.Parameter(torch.randn(d, d, generator=generator, dtype=torch.float64) / 10)

    def forward(self, x):
        x = x.flatten(1)
        return Scores((x @ self.w).sin() + ((x @ self.a) * x).sum(1) / 2)


@pytest.fixture
def critic():
    return Critic()


@pytest.fixture
def match():
    generator = torch.Generator().manual_seed(2)
    real, fake = (torch.randn(N, *SHAPE, generator=generator, dtype=torch.float64) for _ in range(2))
    return Match(real, 0.3 * fake + 0.5, None, Scores(torch.zeros(N)))


def numerical_norms(critic, x, h=1e-5):
    """Norms of the critic's gradient at every sample, by central differences in every dimension."""
    x = x.detach().numpy().reshape(N, -1)
    of = lambda points: critic(torch.tensor(points).unflatten(1, SHAPE)).value.detach().numpy()  # noqa: E731
    columns = []
    for i in range(x.shape[1]):
        step = np.zeros(x.shape[1])
        step[i] = h
        columns.append((of(x + step) - of(x - step)) / (2 * h))
    return np.sqrt((np.stack(columns, axis=1) ** 2).sum(1))


def interpolates(match):
    eps = draws().uniform(N, 1, 1, 1, dtype=torch.float64)
    return eps * match.x_real + (1 - eps) * match.x_fake


def uniformly_perturbed(match, scale):
    stream = draws()  # alpha for every sample first, then u for every pixel
    alpha, u = stream.uniform(N, 1, 1, 1, dtype=torch.float64), stream.uniform(N, *SHAPE, dtype=torch.float64)
    x = match.x_real
    return x + alpha * (scale * x.std(unbiased=False) * u)


PENALTIES = {
    "r1": (R1(gamma=0.7), lambda m: m.x_real, lambda n: 0.35 * (n**2).mean()),
    "r2": (R2(gamma=3.0), lambda m: m.x_fake, lambda n: 1.5 * (n**2).mean()),
    "two-sided": (GradientPenalty(weight=10.0), interpolates, lambda n: 10 * ((n - 1) ** 2).mean()),
    "target": (GradientPenalty(weight=2.0, target=3.0), interpolates, lambda n: 2 * ((n - 3) ** 2).mean()),
    "one-sided": (
        GradientPenalty(weight=10.0, target=3.5, one_sided=True),
        interpolates,
        lambda n: 10 * (np.maximum(n - 3.5, 0) ** 2).mean(),
    ),
    "one-centred": (OneCentred(weight=4.0), lambda m: m.x_real, lambda n: 4 * ((n - 1) ** 2).mean()),
    "dragan": (
        Dragan(c=0.09, weight=5.0),
        lambda m: m.x_real + 0.3 * draws().normal(N, *SHAPE, dtype=torch.float64),
        lambda n: 5 * ((n - 1) ** 2).mean(),
    ),
    "dragan of the code": (
        DraganUniform(scale=0.5, weight=5.0),
        lambda m: uniformly_perturbed(m, 0.5),
        lambda n: 5 * ((n - 1) ** 2).mean(),
    ),
}


@pytest.mark.parametrize("name", PENALTIES)
def test_penalty_equals_finite_differences(name, critic, match):
    penalty, points, formula = PENALTIES[name]
    norms = numerical_norms(critic, points(match))
    assert norms.std() > 0.1  # a norm of the whole batch, or of one channel, would be another number
    assert penalty(critic, match, draws()).item() == pytest.approx(formula(norms), rel=1e-8)


@pytest.mark.parametrize("name", PENALTIES)
def test_its_gradient_reaches_the_critics_parameters(name, critic, match):
    penalty, points, formula = PENALTIES[name]
    (of_w,) = torch.autograd.grad(penalty(critic, match, draws()), critic.w)
    for i in (0, 7):
        values = []
        for h in (1e-4, -1e-4):
            with torch.no_grad():
                critic.w[i] += h
            values.append(formula(numerical_norms(critic, points(match))))
            with torch.no_grad():
                critic.w[i] -= h
        assert of_w[i].item() == pytest.approx((values[0] - values[1]) / 2e-4, rel=1e-4, abs=1e-6)


def test_value_that_tf_gan_publishes():
    real, fake = torch.tensor([[-12.3, 23.2, 16.3, -43.2]]), torch.tensor([[3.1, 2.3, -12.3, 32.1]])
    match = Match(real, fake, None, Scores(torch.zeros(1)))
    twice = lambda x: Scores(2 * x.sum(1))  # noqa: E731, a gradient of norm 4
    assert GradientPenalty(weight=1.0)(twice, match, draws()).item() == pytest.approx(9.0)
    assert GradientPenalty(weight=1.0, one_sided=True)(twice, match, draws()).item() == pytest.approx(9.0)


def test_every_sample_has_its_own_place_between_real_and_fake(match):
    points = GradientPenalty().points(match, draws())
    eps = (points - match.x_fake) / (match.x_real - match.x_fake)
    per_sample = eps.flatten(1)
    torch.testing.assert_close(per_sample, per_sample[:, :1].expand_as(per_sample))  # one for all its pixels
    assert len(per_sample[:, 0].unique()) == N
    assert ((per_sample > 0) & (per_sample < 1)).all()


@pytest.mark.parametrize("penalty", [GradientPenalty(), OneCentred(), R1(gamma=1.0), Dragan(c=0.1)])
def test_a_flat_critic_gets_a_zero_gradient_not_nan(penalty, match):
    flat = nn.Parameter(torch.zeros(12, dtype=torch.float64))
    critic = lambda x: Scores(x.flatten(1) @ flat)  # noqa: E731
    loss = penalty(critic, match, draws())
    assert loss.item() == (10.0 if isinstance(penalty, OneCentred | GradientPenalty | Dragan) else 0.0)
    (gradient,) = torch.autograd.grad(loss, flat)
    assert gradient.abs().max().item() == 0


def test_perturbations_have_the_stated_spread():
    x = torch.zeros(4000, 1, 2, 2)
    match = Match(x, x, None, Scores(torch.zeros(4000)))
    assert Dragan(c=4.0).points(match, draws()).std().item() == pytest.approx(2.0, rel=0.02)
    spread = torch.linspace(-1, 1, 16000).view(4000, 1, 2, 2)
    match = Match(spread, x, None, Scores(torch.zeros(4000)))
    moved = DraganUniform(scale=0.5).points(match, draws()) - spread
    assert moved.min() >= 0
    # U[-1, 1] has standard deviation 1 / sqrt 3
    assert moved.max().item() == pytest.approx(0.5 / 3**0.5, rel=0.02)
    assert moved.mean().item() == pytest.approx(0.25 * 0.5 / 3**0.5, rel=0.05)


def test_penalties_leave_autocast(match):
    layer = nn.Linear(12, 1)
    critic = lambda x: Scores(layer(x.flatten(1)).squeeze(1))  # noqa: E731
    single = Match(match.x_real.bfloat16(), match.x_fake.bfloat16(), None, match.fake)
    expected = R1(gamma=1.0)(critic, single, draws())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = R1(gamma=1.0)(critic, single, draws())
    assert inside.dtype == torch.float32
    assert inside.item() == expected.item() == pytest.approx(layer.weight.square().sum().item() / 2)


def test_drift_is_the_mean_square_of_real_scores():
    value = torch.tensor([3.0, -1.0, 2.0], dtype=torch.float64, requires_grad=True)
    match = Match(torch.zeros(3, 1), torch.zeros(3, 1), Scores(value), Scores(torch.full((3,), 100.0)))
    loss = Drift(weight=0.3)(lambda x: Scores(x[:, 0]), match, draws())
    assert loss.item() == pytest.approx(0.3 * 14 / 3)
    (gradient,) = torch.autograd.grad(loss, value)
    assert gradient.tolist() == pytest.approx([0.6, -0.2, 0.4])
    with pytest.raises(ValueError, match="weight must be positive, got 0"):
        Drift(weight=0)
