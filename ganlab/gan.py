"""The LightningModule: two players, two short steps, and no knowledge of which objective they play."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ganlab.checkpoints import check_shapes
from ganlab.constraints import WeightClipping
from ganlab.data.source import to_float
from ganlab.ema import EMA
from ganlab.game import Clock, Game
from ganlab.latent import Latent
from ganlab.means import RunningMeans
from ganlab.networks.layers import Frozen, batch_statistics, couples_batch
from ganlab.objectives import Match, Objective
from ganlab.objectives.base import at_least_float32
from ganlab.penalties import Penalty
from ganlab.randomness import Draws, fold, global_generator
from ganlab.ranks import Ranks
from ganlab.schedule import LearningRates, Schedule

OptimizerFactory = Callable[[Iterable[nn.Parameter]], Optimizer]
GENERATOR, DISCRIMINATOR = 0, 1  # positions in `configure_optimizers`


class GAN(L.LightningModule):
    """Alternates D and G updates with manual optimization; one `training_step` is one iteration of the game.

    BatchNorm statistics of G move in both steps (G is in training mode whenever it makes fakes), and so do D's
    (it is whenever it judges); power iterations of spectral norm in D move in D steps only.

    Args:
        generator: latents (N, dim) -> samples (N, ...), images in [-1, 1].
        discriminator: samples, or packs of them, -> `Scores`.
        objective: both players' losses.
        penalties: terms that join a player's loss, by name.
        constraints: applied to D's parameters after each D step.
        optimizers: what makes (G's, D's) optimizer from parameters.
        clip_norm: longer gradients of a player are shortened to this norm before its step; 0: never.
    """

    def __init__(
        self, *, generator: nn.Module, discriminator: nn.Module, objective: Objective,
        penalties: Mapping[str, Penalty], constraints: Sequence[WeightClipping],
        optimizers: tuple[OptimizerFactory, OptimizerFactory], latent: Latent, game: Game, schedule: Schedule,
        ema: EMA, seed: int, clip_norm: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.automatic_optimization = False
        self.generator, self.discriminator, self.objective = generator, discriminator, objective
        self.generator_ema = ema.start(generator)
        self.penalties, self.constraints = penalties, constraints
        self.latent, self.game, self.ema, self.seed = latent, game, ema, seed
        self.clip_norm = clip_norm
        self.learning_rates = LearningRates(schedule, objective)
        self._optimizer_factories = optimizers
        self._one_forward = not couples_batch(discriminator)  # D may see real and fake samples side by side
        self.playing = DISCRIMINATOR
        self.ranks = Ranks()  # the processes that play together; `train` sets it where there are several
        self.skipped: dict[
            int, Tensor
        ] = {}  # players in float16: 1.0 if their last step was left out, else 0.0
        self.clock = Clock()
        self.means = RunningMeans()
        self.last_match: Match | None = None  # of the D steps

    def configure_optimizers(self) -> list[Optimizer]:
        g, d = self._optimizer_factories
        return [g(self.generator.parameters()), d(self.discriminator.parameters())]

    def on_train_start(self) -> None:
        """Find once what every step needs: walking through modules costs more than some of their kernels."""
        self.means.to(self.device)  # what a checkpoint brought
        self._frozen_discriminator = Frozen(self.discriminator)
        self._update_average = self.ema.follow(self.generator_ema, self.generator)
        self._weights_dtype = next(self.generator.parameters()).dtype
        self._players: Any = self.optimizers()
        networks = self.generator, self.discriminator
        self._players_weights = [list(network.parameters()) for network in networks]
        self._statistics = [tensor for network in networks for tensor in batch_statistics(network)]
        self._random = torch.Generator(self.device)
        self._global_random = global_generator(self.device)  # what dropout and the like draw from

    def training_step(self, batch: Tensor, batch_idx: int) -> None:
        """One iteration on real samples (M, B, ...): `Game.micro_batches` micro-batches of B."""
        clock = self.clock
        self.learning_rates.set(self._players, clock)
        self._global_random.manual_seed(fold(self.seed, clock.iteration, clock.pretrained, self.ranks.rank))
        real = self._prepare(batch)
        if clock.pretrained < self.objective.pretrain_images:
            self._pretrain(real)
        else:
            self._play(real)

    def _play(self, real: Tensor) -> None:
        if self.game.order == "simultaneous":
            d, g = self._discriminator_gradients(real, 0), self._generator_gradients(real)
            self._discriminator_update()
            self._optimize(GENERATOR)
        elif self.game.order == "d_first":
            d = self._discriminator_steps(real)
            g = self._generator_step(real)
        else:
            g = self._generator_step(real)
            d = self._discriminator_steps(real)
        self.objective.update(d, g)
        self.last_match = d
        self._advance(real)

    def _pretrain(self, real: Tensor) -> None:
        """The D steps of an iteration on real samples alone: no fakes, no penalties, G at rest."""
        for number, x_real in enumerate(real[: self.game.d_micro_batches], start=1):
            loss = self.objective.pretrain_loss(self.discriminator(x_real))
            self._backward(loss / self.game.accumulate, DISCRIMINATOR)
            if number % self.game.accumulate == 0:
                self._discriminator_update()
        self.clock.pretrained += self._move_on(real)
        if self.clock.pretrained >= self.objective.pretrain_images:
            self.means.update({"loss/pretrain": loss})

    def _discriminator_steps(self, real: Tensor) -> Match:
        for k in range(self.game.n_critic):
            match = self._discriminator_gradients(real, k)
            self._discriminator_update()
        return match

    def _generator_step(self, real: Tensor) -> Match:
        match = self._generator_gradients(real)
        self._optimize(GENERATOR)
        return match

    def _discriminator_gradients(self, real: Tensor, k: int) -> Match:
        """Accumulate D's gradients of its k-th step; returns the match of all micro-batches, detached."""
        game, matches, losses = self.game, [], []
        for micro in range(game.accumulate):
            x_real = real[k * game.accumulate + micro]
            draws = self._draws("D", k, micro)
            with torch.no_grad():
                x_fake = self._fakes(len(x_real), draws)
            match = self._match(x_real, x_fake)
            loss = self.objective.d_loss(match)
            penalty = self._penalty("D", self.clock.iteration * game.n_critic + k, match, draws)
            self._backward((loss + penalty) / game.accumulate, DISCRIMINATOR)
            matches.append(Match.join([match]))
            losses.append(loss.detach())
        match = Match.join(matches)
        self.means.update(self._d_scalars(_mean(losses), match))
        return match

    def _generator_gradients(self, real: Tensor) -> Match:
        """Accumulate G's gradients; returns the match of all micro-batches, detached."""
        game, matches, losses = self.game, [], []
        with self._frozen_discriminator:
            for micro in range(game.accumulate):
                x_real = real[micro - game.accumulate]  # the last ones: those of the last D step, or fresh
                draws = self._draws("G", micro)
                x_fake = self._fakes(len(x_real) * game.g_batch_factor, draws)
                match = self._match(x_real, x_fake, with_real=self.objective.paired)
                loss = self.objective.g_loss(match)
                penalty = self._penalty("G", self.clock.iteration, match, draws)
                self._backward((loss + penalty) / game.accumulate, GENERATOR)
                matches.append(Match.join([match]))
                losses.append(loss.detach())
        self.means.update({"loss/g": _mean(losses)})
        return Match.join(matches)

    def _match(self, x_real: Tensor, x_fake: Tensor, *, with_real: bool = True) -> Match:
        real = None
        if not with_real:
            fake = self.discriminator(x_fake)
        elif self._one_forward:
            real, fake = self.discriminator(torch.cat([x_real, x_fake])).split(len(x_real))
        else:
            real, fake = self.discriminator(x_real), self.discriminator(x_fake)
        return Match(x_real, x_fake, real, fake, self.ranks)

    def _penalty(self, player: str, step: int, match: Match, draws: Draws) -> Tensor | float:
        """Sum of the player's penalties due at its step; a lazy one counts for the steps it is not made at."""
        total: Tensor | float = 0.0
        for name, penalty in self.penalties.items():
            if penalty.player == player and step % penalty.interval == 0:
                term = penalty(self.discriminator, match, draws)
                self.means.update({f"penalty/{name}": term})
                total = total + penalty.interval * term
        return total

    def _discriminator_update(self) -> None:
        self._optimize(DISCRIMINATOR)
        for constraint in self.constraints:
            constraint(self.discriminator)

    def _backward(self, loss: Tensor, player: int) -> None:
        self.playing = player  # whose loss scale the precision plugin applies
        self.manual_backward(loss)

    def _optimize(self, player: int) -> None:
        optimizer, self.playing = self._players[player], player
        self.ranks.average_gradients(self._players_weights[player])
        optimizer.step()
        optimizer.zero_grad()

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        if self.clip_norm:  # gradients are unscaled by now
            nn.utils.clip_grad_norm_(self._players_weights[self.playing], self.clip_norm)

    def _prepare(self, batch: Tensor) -> Tensor:
        """Real samples as D sees them: (M, B, ...) floats, packs of consecutive samples side by side."""
        samples = to_float(batch, self._weights_dtype).flatten(0, 1)
        return self.game.pack(samples).unflatten(0, (len(batch), -1))

    def _fakes(self, n: int, draws: Draws) -> Tensor:
        """n fakes as D sees them; the i-th members of all packs are one batch of G, as in PacGAN's code."""
        m = self.game.packing
        z = self.latent.draw(n * m, draws, self._weights_dtype)
        return self.generator(z) if m == 1 else torch.cat([self.generator(z[i::m]) for i in range(m)], 1)

    def _draws(self, *phase: int | str) -> Draws:
        words, ranks = (self.seed, self.clock.iteration, *phase), self.ranks
        return Draws(*words, generator=self._random, rank=ranks.rank, world_size=ranks.size)

    def _move_on(self, real: Tensor) -> int:
        """Move on in the data order; returns how many of an iteration's real samples D is shown."""
        self.ranks.average_(self._statistics)
        samples = real.shape[1] * self.game.packing * self.ranks.size
        self.clock.position += samples * len(real)
        return samples * self.game.d_micro_batches

    def _advance(self, real: Tensor) -> None:
        shown = self._move_on(real)
        self.clock.images += shown
        self.clock.iteration += 1
        self._update_average(self.ema.decay(self.clock.images, shown), self.skipped.get(GENERATOR))

    def _d_scalars(self, loss: Tensor, match: Match) -> dict[str, Tensor]:
        assert match.real is not None
        return {
            "loss/d": loss,
            "score/real": self.objective.output(at_least_float32(match.real.value)).mean(),
            "score/fake": self.objective.output(at_least_float32(match.fake.value)).mean(),
        }

    @torch.no_grad()
    def pop_metrics(self) -> dict[str, float]:
        """Means of the scalars since the last call, and the objective's estimates from the last D step alone."""
        if self.last_match is not None:
            estimates = self.objective.diagnostics(self.last_match)
            self.means.update({f"estimate/{name}": value for name, value in estimates.items()})
        return self.means.pop(self.ranks)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["ganlab"] = {"clock": asdict(self.clock), "means": self.means.state_dict(self.ranks)}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint.pop("loops", None)  # Lightning's own counters would leave a finished run nothing to do
        check_shapes(checkpoint["state_dict"], self.state_dict())
        self.clock = Clock(**checkpoint["ganlab"]["clock"])
        self.means.load_state_dict(checkpoint["ganlab"]["means"], self.ranks)


def _mean(losses: list[Tensor]) -> Tensor:
    return losses[0] if len(losses) == 1 else torch.stack(losses).mean()
