"""What the game looks like from inside, sampled every so many images."""

from typing import Any

import lightning as L
import torch
from torch import Tensor

from ganlab import diagnostics
from ganlab.callbacks.clock import OnClock
from ganlab.networks.layers import Frozen, couples_batch
from ganlab.penalties import full_precision
from ganlab.randomness import Draws

PLAYERS = ("g", "d")  # in the order of the optimizers
_PAST_EACH, _PAST_MOMENTS = 16, 16  # fakes kept at a moment, and of how many moments
_KNEW, _FORGOT = 0.9, 0.3  # D's accuracy against the fakes of a moment, at its best and now


class Diagnostics(OnClock):
    """Adds what `ganlab.diagnostics` can tell to the means that `MetricsLog` writes; it must act before that.

    Gradient norms and updates are those of the iteration itself and cost no backward pass of their own; D's slopes
    cost one, on a few samples.  Nothing waits for the device.  Every rank reads its own batch, at the same moments;
    what is remembered of the past is the same on all of them.

    Args:
        slopes: take D's gradient at real samples, at fakes and between them; null: where the objective rests on a
            bound on D's slope.
    """

    def __init__(self, *, every: int, budget: int, slopes: bool | None) -> None:
        super().__init__(every=every, budget=budget)
        self.slopes = slopes
        self.past: list[Tensor] = []  # fakes of earlier moments, oldest first
        self.known: list[Tensor] = []  # D's best accuracy against each of them
        self.began: dict[str, Tensor] = {}  # by player, the length of its weights at the start of the run
        self._sampling = False

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        gan = pl_module
        self.past = [fakes.to(gan.device) for fakes in self.past]
        self.known = [accuracy.to(gan.device) for accuracy in self.known]
        self._steep = gan.objective.bounded_slope if self.slopes is None else self.slopes
        self._weights = {"g": list(gan.generator.parameters()), "d": list(gan.discriminator.parameters())}
        if gan.clock.at_start:
            self.began = {player: diagnostics.norm(weights) for player, weights in self._weights.items()}
        self.began = {player: length.detach().to(gan.device) for player, length in self.began.items()}
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
            weights = self._weights[player]
            values[f"update/{player}"] = diagnostics.relative_change(before, weights)
            if player in self.began:
                values[f"weights/{player}"] = diagnostics.norm(weights) / self.began[player].clamp(min=1e-12)
        self._gradients, self._before_step = {}, {}
        values["ema/distance"] = diagnostics.relative_change(self._weights["g"], self._averages)
        values["game/accuracy"] = diagnostics.accuracy(
            match.real.value, match.fake.value, gan.objective.critic
        )
        values["gradient/signal"] = diagnostics.signal(gan.objective, match)
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
            if self._steep:
                slopes = diagnostics.slopes(gan.discriminator, match, self._draws(gan))
                values |= {f"slope/{name}": value for name, value in slopes.items()}
            if (largest := diagnostics.largest_singular_value(gan.discriminator)) is not None:
                values["spectral/largest"] = largest
            fakes = gan.ranks.gather(
                full_precision(match.x_fake[: max(1, _PAST_EACH // gan.ranks.size)])
            ).clone()
            if self.past and len(self.past[0]) != len(fakes):  # the run goes on with other ranks
                self.past, self.known = [], []
            if self.past:
                values |= self._ask_about_the_past(gan, match.real.value)
        self.past = [*self.past, fakes][-_PAST_MOMENTS:]
        self.known = [*self.known, torch.zeros((), device=gan.device)][-_PAST_MOMENTS:]
        return values

    def _ask_about_the_past(self, gan: Any, real: Tensor) -> dict[str, Tensor]:
        then = gan.discriminator(torch.cat(self.past)).value.view(len(self.past), -1)
        now = diagnostics.accuracy_of_each(real, then, gan.objective.critic)
        gan.ranks.average_([now])  # so that all ranks remember the same: rank 0 writes the checkpoint
        known = torch.maximum(torch.stack(self.known), now)
        self.known = list(known)
        forgotten = (known >= _KNEW) & (now <= _FORGOT)
        return {"game/accuracy_past": now.mean(), "game/forgotten": forgotten.double().mean()}

    def _draws(self, gan: Any) -> Draws:
        words = gan.seed, gan.clock.iteration, "diagnostics"
        return Draws(*words, generator=self._random, rank=self._rank, world_size=self._world_size)

    def state_dict(self) -> dict[str, Any]:
        return {"past": self.past, "known": self.known, "began": self.began}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.past, self.known = list(state_dict["past"]), list(state_dict["known"])
        self.began = dict(state_dict.get("began", {}))  # none in checkpoints of before it was kept
