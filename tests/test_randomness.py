import torch

from ganlab.latent import Latent
from ganlab.randomness import Draws, fold


def draws(*words: int | str, rank: int = 0, world_size: int = 1) -> Draws:
    return Draws(*words, generator=torch.Generator(), rank=rank, world_size=world_size)


def test_fold_is_stable_and_tells_neighbours_apart() -> None:
    assert fold(0, 1) == 9017893900260303862  # pinned: another value would change every run there is
    seeds = {fold(seed, iteration) for seed in range(50) for iteration in range(50)}
    assert len(seeds) == 2500
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert fold(1, 23) != fold(12, 3)


def test_ranks_draw_together_what_one_process_draws() -> None:
    whole = draws(3, 7)
    parts = [draws(3, 7, rank=rank, world_size=3) for rank in range(3)]
    for kind, size in (("normal", (5,)), ("uniform", (1, 1))):
        alone = getattr(whole, kind)(6, *size)
        together = torch.cat([getattr(part, kind)(2, *size) for part in parts])
        assert torch.equal(alone, together)
    assert len({tuple(part.normal(2, 1).flatten().tolist()) for part in parts}) == 3


def test_draws_depend_on_every_word_and_on_nothing_else() -> None:
    torch.manual_seed(1)
    first = draws(0, 5, "D").normal(4)
    torch.manual_seed(2)
    torch.rand(3)
    assert torch.equal(first, draws(0, 5, "D").normal(4))
    for words in ((1, 5, "D"), (0, 6, "D"), (0, 5, "G")):
        assert not torch.equal(first, draws(*words).normal(4))


def test_numbered_latents_do_not_depend_on_the_batch_they_are_asked_in() -> None:
    latent = Latent(3)
    whole = latent.numbered(0, 700, seed=4, purpose="evaluation")
    pieces = [
        latent.numbered(start, min(130, 700 - start), seed=4, purpose="evaluation")
        for start in range(0, 700, 130)
    ]
    assert torch.equal(whole, torch.cat(pieces))
    assert not torch.equal(whole, latent.numbered(0, 700, seed=4, purpose="grid"))


def test_latent_distributions() -> None:
    n = 20_000
    normal = Latent(2).numbered(0, n, seed=0, purpose="test")
    assert abs(normal.mean().item()) < 0.02
    assert abs(normal.std().item() - 1) < 0.02
    uniform = Latent(2, "uniform").numbered(0, n, seed=0, purpose="test")
    assert uniform.min() >= -1
    assert uniform.max() <= 1
    assert abs(uniform.std().item() - 3**-0.5) < 0.01
    drawn = Latent(2, "uniform").draw(n, draws(0))
    assert abs(drawn.mean().item()) < 0.02
    assert abs(drawn.std().item() - 3**-0.5) < 0.01


def test_truncation_is_the_truncated_normal() -> None:
    from scipy.stats import kstest, truncnorm

    z = Latent(2).numbered(0, 5000, seed=0, purpose="test", truncation=0.7)
    assert z.abs().max() <= 0.7
    assert kstest(z.flatten().numpy(), truncnorm(-0.7, 0.7).cdf).pvalue > 0.01
