"""What has no meaning is refused when a run is built, in one sentence that names the keys."""

from collections.abc import Callable

import pytest
from omegaconf import DictConfig

from ganlab.errors import ConfigError
from ganlab.parts import build

Compose = Callable[..., DictConfig]

MLP = "network/discriminator=mlp"
REFUSED = [
    (["objective=ebgan", "network/discriminator=dcgan"], ["objective=ganlab.objectives.EBGAN", "network.discriminator="]),
    (["objective=began", MLP], ["objective=ganlab.objectives.BEGAN", "an autoencoder critic", "is a scalar one"]),
    (["objective=hinge", "network/discriminator=autoencoder"], ["needs a scalar critic", "is an autoencoder one"]),
    (["penalty=[r1]", "network.discriminator.norm=batch"], ["penalty=r1", "network.discriminator="]),
    (["penalty=[r2]", "network.discriminator.norm=batch"], ["penalty=r2", "network.discriminator="]),
    (["objective=wgan_gp", "network.discriminator.norm=batch"], ["penalty=gradient_penalty", "batch normalisation"]),
    (["objective=dragan", "network.discriminator.norm=batch"], ["penalty=dragan", "batch normalisation"]),
    (["penalty=[one_centred]", "network.discriminator.norm=batch"], ["penalty=one_centred", "batch normalisation"]),
    (["objective=wgan", "constraint.clip.bound=0"], ["constraint.clip.bound must be positive, got 0"]),
    (["objective=wgan", "constraint.clip.bound=-1"], ["constraint.clip.bound must be positive, got -1"]),
    (["objective=wgan", "network.spectral_norm=true"], ["constraint=clip", "network.spectral_norm=false"]),
    (["objective=ebgan", "objective.margin=0"], ["objective.margin must be positive, got 0"]),
    (["objective=ebgan", "objective.margin=-2"], ["objective.margin must be positive, got -2"]),
    (["objective=began", "objective.gamma=0"], ["objective.gamma must be in (0, 1], got 0"]),
    (["objective=began", "objective.gamma=1.5"], ["objective.gamma must be in (0, 1], got 1.5"]),
    (["objective=loss_sensitive", "game.packing=2"], ["objective=ganlab.objectives.LossSensitive", "game.packing=2"]),
    (["objective=gls_gan", "game.packing=3"], ["objective=ganlab.objectives.LossSensitive", "game.packing=3"]),
    (["objective=gls_gan", "objective.slope=2"], ["objective.slope must be at most 1, got 2"]),
    (["objective=rpgan", "game.g_batch_factor=2"], ["objective=ganlab.objectives.RelativisticPaired", "game.g_batch_factor=2"]),
    (["game.g_real=fresh"], ["objective=ganlab.objectives.NonSaturating", "game.g_real=fresh", "set it to reuse"]),
    (["experiment=r3gan", "objective=ebgan"], ["objective=ganlab.objectives.EBGAN", "game.g_real=fresh"]),
    (["objective=least_squares", "objective.c=0"], ["objective.c must differ from a", "got 0"]),
    (["objective=ragan", "game.accumulate=2"], ["objective=ganlab.objectives.RelativisticAverage", "game.accumulate=2"]),
    (["objective=ebgan_pt", "game.accumulate=2"], ["objective=ganlab.objectives.EBGAN", "game.accumulate=2"]),
    (["objective=wgan", "game.order=simultaneous"], ["game.order=simultaneous", "game.n_critic=5"]),
    (["data=ring", "evaluation=none", "network=dcgan"], ["network.", "samples of shape [2]"]),
]  # fmt: skip


@pytest.mark.parametrize(("words", "parts"), REFUSED, ids=lambda value: " ".join(value))
def test_refused_in_one_sentence(tiny: Compose, words: list[str], parts: list[str]) -> None:
    from ganlab import config

    cfg = config.compose(["evaluation=none", "wandb.mode=disabled", *words])
    with pytest.raises(ConfigError) as caught:
        build(cfg)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert [part for part in parts if part not in sentence] == [], sentence


@pytest.mark.parametrize(
    "words",
    [
        ["objective=ebgan", "game.accumulate=2"],  # without the pulling-away term nothing couples the batch
        ["objective=rpgan", "game.accumulate=2", "game.packing=2"],
        ["objective=ragan", "network.discriminator.norm=batch", "penalty=[]"],
        ["objective=began", "game.order=d_first", "game.n_critic=2", "game.packing=2"],
        ["objective=wgan", "network.discriminator.norm=batch"],  # the paper's own critic
        ["objective=loss_sensitive", "game.g_batch_factor=2"],
        [
            "objective=ragan",
            "game.g_batch_factor=2",
            "game.g_real=fresh",
        ],  # means of unequal numbers of samples
        ["objective=dragan", "penalty=[dragan_normal,r1]"],
        ["objective=ebgan", "network.discriminator.norm=batch"],
    ],
    ids=" ".join,
)
def test_meaningful_combinations_are_not(words: list[str]) -> None:
    from ganlab import config

    cfg = config.compose(["evaluation=none", "wandb.mode=disabled", *words])
    gan = build(cfg).gan
    assert type(gan.objective).__name__ == cfg.objective["_target_"].rpartition(".")[2]
    assert set(gan.penalties) == set(cfg.penalty)
