"""What the game looks like from inside, sampled every so many images."""

from typing import Any

import lightning as L
import torch
from torch import Tensor

from ganlab import diagnostics
from ganlab.callbacks.clock import OnClock
from ganlab.networks.layers import Frozen, couples_batch
from ganlab.randomness import Draws

PLAYERS = ("g", "d")  # in the order of the optimizers
_PAST_EACH, _PAST_MOMENTS = 4, 16  # fakes kept at a moment, and of how many moments


class Diagnostics(OnClock):
    """Adds what `ganlab.diagnostics` can tell to the means that `MetricsLog` writes; it must act before that.

    Gradient norms and updates are those of the iteration itself and cost no backward pass of their own; D's slopes
    cost one, on a few samples.  Nothing waits for the device.  Every rank reads its own batch, at the same moments.

    Args:
        slopes: take D's gradient at real samples, at fakes and between them.
        seed: of the latents whose fakes D is asked about again later.
    """

    def __init__(self, *, every: int, budget: int, slopes: bool, seed: int) -> None:
        super().__init__(every=every, budget=budget)
        self.slopes, self.seed = slopes, seed
        self.past: list[Tensor] = []  # fakes of earlier moments, oldest first
        self._sampling = False

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        gan = pl_module
        n = _PAST_EACH * gan.game.packing
        latents = gan.latent.numbered(0, n, seed=self.seed, purpose="diagnostics")
        self._latents = latents.to(gan.device, next(gan.generator.parameters()).dtype)
        self.past = [fakes.to(gan.device) for fakes in self.past]
        self._weights = {"g": list(gan.generator.parameters()), "d": list(gan.discriminator.parameters())}
        self._averages = list(gan.generator_ema.parameters())
        self._frozen, self._random = Frozen(gan.discriminator), torch.Generator(gan.device)
        self._rank, self._world_size = trainer.global_rank, trainer.world_size
        self._separate = not couples_batch(gan.discriminator)

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        super().on_train_batch_start(trainer, pl_module, batch, batch_idx)
        clock, game = pl_module.clock, pl_module.game
        shown = batch.shape[1] * game.d_micro_batches * trainer.world_size
        playing = clock.pretrained >= pl_module.objective.pretrain_images
        self._sampling = playing and self.due(clock.images + shown)
        self._before_step: dict[str, list[Tensor]] = {}
        self._gradients: dict[str, Tensor] = {}

    def on_before_optimizer_step(self, trainer: L.Trainer, pl_module: Any, optimizer: Any) -> None:
        """The gradients are whole and unscaled here; of several D steps the last one stays."""
        if self._sampling:
            player = PLAYERS[trainer.optimizers.index(optimizer)]
            weights = self._weights[player]
            gradients = [weight.grad for weight in weights if weight.grad is not None]
            size = diagnostics.norm(gradients) if gradients else torch.zeros((), device=pl_module.device)
            self._gradients[f"gradient/{player}"] = size.nan_to_num(0, 0, 0)  # float16 leaves such a step out
            self._before_step[player] = [weight.detach().clone() for weight in weights]

    @torch.no_grad()
    def act(self, trainer: L.Trainer, gan: Any) -> None:
        match = gan.last_match
        if match is None:
            return
        values = dict(self._gradients)
        for player, before in self._before_step.items():
            values[f"update/{player}"] = diagnostics.relative_change(before, self._weights[player])
        self._gradients, self._before_step = {}, {}
        values["ema/distance"] = diagnostics.relative_change(self._weights["g"], self._averages)
        values["game/accuracy"] = diagnostics.accuracy(
            match.real.value, match.fake.value, gan.objective.critic
        )
        likeness = diagnostics.likeness(match.x_real, match.x_fake)
        values |= {f"diversity/{name}": value for name, value in likeness.items()}
        if match.real.features is not None:
            values["diversity/features"] = diagnostics.diversity(match.real.features, match.fake.features)
        values |= self._ask_discriminator(gan, match)
        gan.means.update(values)

    def _ask_discriminator(self, gan: Any, match: Any) -> dict[str, Tensor]:
        """What takes passes through D, whose weights and power iterations stay as they are."""
        values: dict[str, Tensor] = {}
        if not self._separate:  # a batch of other samples would move its BatchNorm statistics
            return values
        with self._frozen:
            if self.slopes:
                slopes = diagnostics.slopes(gan.discriminator, match, self._draws(gan))
                values |= {f"slope/{name}": value for name, value in slopes.items()}
            if (largest := diagnostics.largest_singular_value(gan.discriminator)) is not None:
                values["spectral/largest"] = largest
            if self.past:
                then = gan.discriminator(torch.cat(self.past)).value
                values["game/accuracy_past"] = diagnostics.accuracy(
                    match.real.value, then, gan.objective.critic
                )
        gan.generator.eval()
        fakes = gan.game.pack(gan.generator(self._latents))
        gan.generator.train()
        self.past = [*self.past, fakes][-_PAST_MOMENTS:]
        return values

    def _draws(self, gan: Any) -> Draws:
        words = gan.seed, gan.clock.iteration, "diagnostics"
        return Draws(*words, generator=self._random, rank=self._rank, world_size=self._world_size)

    def state_dict(self) -> dict[str, Any]:
        return {"past": self.past}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.past = list(state_dict["past"])
