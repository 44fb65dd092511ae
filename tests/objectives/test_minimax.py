"""The logistic objectives: equal to a classifier's cross entropy, stable at any logit, float32 at least."""

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from ganlab.objectives import JensenShannon, Match, Minimax, NonSaturating, RelativisticPaired, Scores


def match_of(real, fake):
    return Match(real[:, None], fake[:, None], Scores(real), Scores(fake))


@pytest.mark.parametrize(("objective", "label"), [(Minimax(), 1.0), (NonSaturating(real_label=0.8), 0.8)])
def test_d_loss_is_the_cross_entropy_of_a_classifier(objective, label):
    real = torch.tensor([-1.3, 0.4, 2.1], dtype=torch.float64)
    fake = torch.tensor([0.7, -2.2, 1.5, -0.1], dtype=torch.float64)
    of_real = binary_cross_entropy_with_logits(real, torch.full_like(real, label))
    of_fake = binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
    # a sum of two means
    torch.testing.assert_close(objective.d_loss(match_of(real, fake)), of_real + of_fake)


@pytest.mark.parametrize("objective", [Minimax(), NonSaturating(), JensenShannon(), RelativisticPaired()])
def test_finite_at_logits_of_ten_thousand(objective):
    real = torch.tensor([1e4, -1e4], requires_grad=True)
    fake = torch.tensor([-1e4, 1e4], requires_grad=True)
    match = match_of(real, fake)
    d_loss, g_loss = objective.d_loss(match), objective.g_loss(match)
    assert d_loss.isfinite()
    assert g_loss.isfinite()
    for loss in (d_loss, g_loss):
        assert all(
            g.isfinite().all()
            for g in torch.autograd.grad(loss, [real, fake], allow_unused=True)
            if g is not None
        )


def test_loss_of_wrong_logits_is_their_size():
    match = match_of(torch.tensor([-1e4]), torch.tensor([1e4]))
    assert Minimax().d_loss(match).item() == 2e4
    assert Minimax().g_loss(match).item() == -1e4


def test_saturating_gradient_vanishes_where_the_non_saturating_one_is_strong():
    fake = torch.tensor([-20.0], dtype=torch.float64, requires_grad=True)  # D is sure
    match = match_of(fake, fake)
    (saturating,) = torch.autograd.grad(Minimax().g_loss(match), fake)
    (strong,) = torch.autograd.grad(NonSaturating().g_loss(match), fake)
    assert saturating.item() == pytest.approx(-math.exp(-20), rel=1e-6)
    assert strong.item() == pytest.approx(-1, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_scores_give_a_float32_loss(dtype):
    scores = torch.tensor([0.123, 5.0, -3.0]).to(dtype)
    loss = Minimax().d_loss(match_of(scores, scores))
    assert loss.dtype == torch.float32
    assert loss == Minimax().d_loss(match_of(scores.float(), scores.float()))


def test_jsd_diagnostic_is_zero_for_an_indifferent_d_and_log_2_for_a_perfect_one():
    zero = torch.zeros(3, dtype=torch.float64)
    assert Minimax().diagnostics(match_of(zero, zero))["jsd"].item() == pytest.approx(0, abs=1e-15)
    assert Minimax().diagnostics(match_of(zero + 50, zero - 50))["jsd"].item() == pytest.approx(math.log(2))
