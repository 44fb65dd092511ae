"""EBGAN and BEGAN: per-sample margins, the pulling-away term, pre-training, and the balance k."""

import math

import pytest
import torch

from ganlab.objectives import BEGAN, EBGAN, Match, Scores
from ganlab.ranks import Ranks


def match_of(real, fake, codes=None, ranks=None):
    return Match(real[:, None], fake[:, None], Scores(real), Scores(fake, codes), ranks or Ranks())


class Shared(Ranks):
    """Ranks whose tensors are all in this process: what one asks for is answered with those of all."""

    def __init__(self, *groups):
        self.groups = groups

    def gather(self, values):
        return torch.cat(next(group for group in self.groups if any(v is values for v in group)))

    def mean(self, values):
        return self.gather(values).mean()


def test_margin_is_held_against_every_sample_not_the_mean():
    energies = torch.tensor([0.0, 4.0])  # their mean is above the margin of 1, the first is not
    assert EBGAN(margin=1.0).d_loss(match_of(torch.zeros(2), energies)).item() == 0.5


def test_pulling_away_term_is_the_mean_squared_cosine_of_different_codes():
    codes = torch.tensor(
        [[3.0, 0.0, 4.0], [0.1, -2.0, 0.3], [-1.0, 1.0, 1.0], [2.0, 2.0, 2.0]], dtype=torch.float64
    )
    expected = 0.0
    for i in range(4):
        for j in range(4):
            if i != j:
                cosine = (codes[i] @ codes[j]) / (codes[i].norm() * codes[j].norm())
                expected += float(cosine) ** 2 / (4 * 3)
    energies = torch.tensor([0.5, 0.25, 1.0, 2.0], dtype=torch.float64)
    loss = EBGAN(margin=1.0, pulling_away=0.1).g_loss(match_of(energies, energies, codes))
    assert loss.item() == pytest.approx(energies.mean().item() + 0.1 * expected, rel=1e-12)


def test_pulling_away_gradient_is_the_closed_form():
    """dPT/ds_i = 4 / (n (n-1)) sum_{j != i} cos_ij (u_j - cos_ij u_i) / |s_i|, u the codes' directions."""
    codes = torch.tensor([[3.0, 0.0, 4.0], [0.1, -2.0, 0.3], [-1.0, 1.0, 1.0]], dtype=torch.float64)
    expected = torch.zeros_like(codes)
    for i in range(3):
        for j in {0, 1, 2} - {i}:
            u, w = codes[i] / codes[i].norm(), codes[j] / codes[j].norm()
            expected[i] += 4 / (3 * 2) * (u @ w) * (w - (u @ w) * u) / codes[i].norm()
    codes.requires_grad_()
    loss = EBGAN(margin=1.0, pulling_away=0.1).g_loss(match_of(torch.zeros(3), torch.zeros(3), codes))
    torch.testing.assert_close(torch.autograd.grad(loss, codes)[0], 0.1 * expected)


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_pulling_away_keeps_its_digits_and_its_range_in_half_precision(half):
    """300 nearly equal codes: 90,000 squared cosines of about 1 are beyond float16's largest number."""
    noise = torch.randn(300, 8, generator=torch.Generator().manual_seed(0))
    codes = (1 + 0.05 * noise).to(half)
    unit = torch.nn.functional.normalize(codes.double())
    cosines = (unit @ unit.T).square()
    expected = (cosines.sum() - 300) / (300 * 299)
    with torch.autocast("cpu", dtype=half):
        loss = EBGAN(margin=1.0, pulling_away=1.0).g_loss(match_of(torch.zeros(300), torch.zeros(300), codes))
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_pulling_away_looks_at_the_fakes_of_all_ranks():
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(6, 5, dtype=torch.float64, generator=generator).requires_grad_()
    energies = torch.arange(6.0, dtype=torch.float64)
    objective = EBGAN(margin=1.0, pulling_away=0.1)
    whole = objective.g_loss(match_of(energies, energies, codes))
    halves = codes.split(3)
    ranks = Shared(halves)
    per_rank = [
        objective.g_loss(match_of(e, e, c, ranks)) for e, c in zip(energies.split(3), halves, strict=True)
    ]
    both = torch.stack(per_rank).mean()
    torch.testing.assert_close(both, whole)
    torch.testing.assert_close(torch.autograd.grad(both, codes), torch.autograd.grad(whole, codes))


def test_identical_codes_cost_one_and_a_single_one_nothing():
    one = torch.ones(1, 4)
    energies = torch.zeros(5)
    objective = EBGAN(margin=1.0, pulling_away=1.0)
    assert objective.g_loss(match_of(energies, energies, one.expand(5, 4))).item() == pytest.approx(1.0)
    assert objective.g_loss(match_of(energies[:1], energies[:1], one)).item() == 0.0


def test_a_code_of_zeros_is_like_no_other():
    codes = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    loss = EBGAN(margin=1.0, pulling_away=1.0).g_loss(match_of(torch.zeros(3), torch.zeros(3), codes))
    assert loss.item() == pytest.approx(2 / 6)


def test_only_the_pulling_away_term_couples_a_batch():
    assert not EBGAN(margin=1.0).couples_batch
    assert EBGAN(margin=1.0, pulling_away=0.1).couples_batch


def test_pretraining_minimises_the_energy_of_real_samples():
    objective = EBGAN(margin=1.0, pretrain_images=640)
    assert objective.pretrain_images == 640
    assert objective.pretrain_loss(Scores(torch.tensor([1.0, 2.0, 6.0]))).item() == 3.0


def test_k_follows_the_papers_recursion_on_the_fakes_of_the_g_step():
    objective = BEGAN(gamma=0.5, lambda_k=0.1)
    k = 0.0
    for real, fake_d, fake_g in [(4.0, 9.0, 1.0), (2.0, 9.0, 3.0), (3.0, 9.0, 1.2)]:
        d = match_of(torch.tensor([real - 1, real + 1]), torch.tensor([fake_d]))
        g = match_of(torch.tensor([7.0]), torch.tensor([fake_g - 0.5, fake_g + 0.5]))
        objective.update(d, g)
        k = min(1.0, max(0.0, k + 0.1 * (0.5 * real - fake_g)))
        assert objective.k.item() == pytest.approx(k, rel=1e-6)
        measured = objective.diagnostics(d)
        assert measured["convergence"].item() == pytest.approx(real + abs(0.5 * real - fake_g), rel=1e-6)
        assert measured["k"].item() == objective.k.item()
    assert 0 < k < 1


@pytest.mark.parametrize(("fake", "limit"), [(0.0, 1.0), (50.0, 0.0)])
def test_k_stays_between_0_and_1(fake, limit):
    objective = BEGAN(gamma=1.0, lambda_k=0.4)
    match = match_of(torch.tensor([2.0]), torch.tensor([fake]))
    for _ in range(5):
        objective.update(match, match)
    assert objective.k.item() == limit


def test_k_starts_at_0_and_is_in_the_state_dict():
    objective = BEGAN(lambda_k=0.1)
    assert objective.k.item() == 0
    objective.update(*[match_of(torch.tensor([4.0]), torch.tensor([1.0]))] * 2)
    restored = BEGAN(lambda_k=0.1)
    restored.load_state_dict(objective.state_dict())
    assert restored.k.item() == objective.k.item() != 0


def test_k_is_moved_by_the_mean_over_all_ranks():
    reals, fakes = [torch.tensor([4.0]), torch.tensor([6.0])], [torch.tensor([1.0]), torch.tensor([2.0])]
    objective = BEGAN(gamma=0.5, lambda_k=0.1)
    match = match_of(reals[0], fakes[0], ranks=Shared(reals, fakes))
    objective.update(match, match)
    assert objective.k.item() == pytest.approx(0.1 * (0.5 * 5.0 - 1.5))


def test_learning_rate_is_halved_when_the_convergence_measure_stalls():
    objective = BEGAN(gamma=1.0, patience=3)
    factors = []
    means = [4, 2, 2, 3, 2.5, 1, 1.5]  # of M, window by window; one not below all before it is a stall
    for energy in [mean + deviation for mean in means for deviation in (-0.5, 1.0, -0.5)]:
        match = match_of(torch.tensor([energy]), torch.tensor([energy]))  # M = energy
        objective.update(match, match)
        factors.append(objective.lr_factor().item())
    assert factors[2::3] == [1, 1, 0.5, 0.25, 0.125, 0.125, 0.0625]
    assert factors[7:10] == [1, 0.5, 0.5]  # only at the end of a window


def test_without_patience_the_learning_rate_is_left_alone():
    assert BEGAN().lr_interval == 0


def test_lost_k_would_change_the_loss():
    objective = BEGAN()
    match = match_of(torch.tensor([2.0]), torch.tensor([3.0]))
    objective.k.fill_(0.25)
    assert objective.d_loss(match).item() == pytest.approx(2 - 0.25 * 3)
    assert math.isinf(objective.best.item())
