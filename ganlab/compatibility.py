"""Parts that do not fit together are refused when a run is built, in one sentence that names both keys."""

from omegaconf import DictConfig

from ganlab.errors import ConfigError
from ganlab.gan import GAN
from ganlab.networks.layers import couples_batch, power_iterations


def check_compatibility(gan: GAN, cfg: DictConfig) -> None:
    """Raise ConfigError for a combination that has no meaning.

    Checked: kind of critic, penalties and constraints that D's layers make meaningless, and rules of the
    game that the objective excludes.
    """
    _check_critic(gan, cfg)
    _check_game(gan, cfg)


def _check_critic(gan: GAN, cfg: DictConfig) -> None:
    objective, discriminator = gan.objective, gan.discriminator
    name, critic = cfg.objective["_target_"], cfg.network.discriminator["_target_"]
    kind = getattr(discriminator, "critic", "scalar")
    if objective.critic != kind:
        raise ConfigError(
            f"objective={name} needs {_A[objective.critic]} critic,"
            f" and network.discriminator={critic} is {_A[kind]} one"
        )
    if couples_batch(discriminator):
        for key, penalty in gan.penalties.items():
            if penalty.per_sample:
                raise ConfigError(
                    f"penalty={key} takes the gradient of each sample on its own, and"
                    f" network.discriminator={critic} mixes them, as batch normalisation does; choose another"
                    " network.discriminator.norm"
                )
    if gan.constraints and any(power_iterations(discriminator)):
        raise ConfigError(
            f"constraint={', '.join(cfg.constraint)} clips weights that network.discriminator={critic} divides"
            " by their largest singular value; set network.spectral_norm=false"
        )


def _check_game(gan: GAN, cfg: DictConfig) -> None:
    objective, game, name = gan.objective, gan.game, cfg.objective["_target_"]
    if objective.compares_samples and game.packing > 1:
        raise ConfigError(
            f"objective={name} compares a real sample with a fake one, and game.packing={game.packing}"
            " makes packs of them; set it to 1"
        )
    if game.g_real == "fresh" and not objective.paired:
        raise ConfigError(
            f"objective={name} has no use for real samples in the G step, and game.g_real=fresh would draw some;"
            " set it to reuse"
        )
    if objective.one_to_one and game.g_batch_factor > 1:
        raise ConfigError(
            f"objective={name} pairs real and fake samples in the G step, and game.g_batch_factor="
            f"{game.g_batch_factor} makes more fakes than there are real ones; set it to 1"
        )
    if objective.couples_batch and game.accumulate > 1:
        raise ConfigError(
            f"objective={name} couples the samples of a batch, and game.accumulate={game.accumulate}"
            " would split it; set it to 1"
        )


_A = {"scalar": "a scalar", "autoencoder": "an autoencoder"}
