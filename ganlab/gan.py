"""The LightningModule: two players, two short steps, and no knowledge of which objective they play."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ganlab.constraints import WeightClipping
from ganlab.data.source import to_float
from ganlab.ema import EMA
from ganlab.errors import CheckpointError
from ganlab.game import Game
from ganlab.latent import Latent
from ganlab.means import RunningMeans
from ganlab.networks.layers import couples_batch, power_iterations
from ganlab.objectives import Match, Objective, Scores
from ganlab.penalties import Penalty
from ganlab.randomness import Draws
from ganlab.schedule import Schedule

OptimizerFactory = Callable[[Iterable[nn.Parameter]], Optimizer]
GENERATOR, DISCRIMINATOR = 0, 1  # positions in `configure_optimizers`


@dataclass
class Clock:
    """How far a run is.

    Attributes:
        images: real images shown to D, over all ranks; what budgets and schedules count.
        iteration: G steps made.
        position: real samples drawn from the data order, over all ranks.
    """

    images: int = 0
    iteration: int = 0
    position: int = 0


class GAN(L.LightningModule):
    """Alternates D and G updates with manual optimization; one `training_step` is one iteration of the game.

    BatchNorm statistics of G move in both steps (G is in training mode whenever it makes fakes); power
    iterations of spectral norm in D move in D steps only.

    Args:
        generator: latents (N, dim) -> samples (N, ...), images in [-1, 1].
        discriminator: samples, or packs of them, -> `Scores`.
        objective: both players' losses.
        penalties: terms that join a player's loss, by name.
        constraints: applied to D's parameters after each D step.
        optimizers: what makes (G's, D's) optimizer from parameters.
    """

    def __init__(
        self, *, generator: nn.Module, discriminator: nn.Module, objective: Objective,
        penalties: Mapping[str, Penalty], constraints: Sequence[WeightClipping],
        optimizers: tuple[OptimizerFactory, OptimizerFactory], latent: Latent, game: Game, schedule: Schedule,
        ema: EMA, seed: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.automatic_optimization = False
        self.generator, self.discriminator, self.objective = generator, discriminator, objective
        self.generator_ema = ema.start(generator)
        self.penalties, self.constraints = penalties, constraints
        self.latent, self.game, self.schedule, self.ema, self.seed = latent, game, schedule, ema, seed
        self._optimizer_factories = optimizers
        self._one_forward = not couples_batch(discriminator)  # D may see real and fake samples side by side
        self.playing = DISCRIMINATOR
        self.clock = Clock()
        self.means = RunningMeans()

    def configure_optimizers(self) -> list[Optimizer]:
        g, d = self._optimizer_factories
        optimizers = [g(self.generator.parameters()), d(self.discriminator.parameters())]
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["initial_lr"] = group["lr"]
        return optimizers

    # ---- the game -------------------------------------------------------------------------------------------

    def training_step(self, batch: Tensor, batch_idx: int) -> None:
        """One iteration on real samples (M, B, ...): `Game.micro_batches` micro-batches of B."""
        self._set_learning_rates()
        game = self.game
        real = self._prepare(batch)
        if game.order == "simultaneous":
            d, g = self._discriminator_gradients(real, 0), self._generator_gradients(real)
            self._discriminator_update()
            self._generator_update()
        elif game.order == "d_first":
            d = self._discriminator_steps(real)
            g = self._generator_step(real)
        else:
            g = self._generator_step(real)
            d = self._discriminator_steps(real)
        self.objective.update(d, g)
        self._advance(batch)

    def _discriminator_steps(self, real: Tensor) -> Match:
        for k in range(self.game.n_critic):
            match = self._discriminator_gradients(real, k)
            self._discriminator_update()
        return match

    def _generator_step(self, real: Tensor) -> Match:
        match = self._generator_gradients(real)
        self._generator_update()
        return match

    def _discriminator_gradients(self, real: Tensor, k: int) -> Match:
        """Accumulate D's gradients of its k-th step; returns the last match, detached."""
        game = self.game
        for micro in range(game.accumulate):
            x_real = real[k * game.accumulate + micro]
            draws = self._draws("D", k, micro)
            with torch.no_grad():
                x_fake = self._fakes(len(x_real), draws)
            match = self._match(x_real, x_fake)
            loss = self.objective.d_loss(match)
            total = loss + self._penalty("D", self.clock.iteration * game.n_critic + k, match, draws)
            self._backward(total / game.accumulate, DISCRIMINATOR)
        match = _detached(match)
        self.means.update(self._d_scalars(loss, match))
        return match

    def _generator_gradients(self, real: Tensor) -> Match:
        """Accumulate G's gradients; returns the last match, detached."""
        game = self.game
        with _frozen(self.discriminator):
            for micro in range(game.accumulate):
                x_real = real[micro - game.accumulate]  # the last ones: those of the last D step, or fresh
                draws = self._draws("G", micro)
                x_fake = self._fakes(len(x_real) * game.g_batch_factor, draws)
                match = self._generator_match(x_real, x_fake)
                loss = self.objective.g_loss(match)
                total = loss + self._penalty("G", self.clock.iteration, match, draws)
                self._backward(total / game.accumulate, GENERATOR)
        self.means.update({"loss/g": loss})
        return _detached(match)

    def _generator_match(self, x_real: Tensor, x_fake: Tensor) -> Match:
        if self.objective.paired:
            return self._match(x_real, x_fake)
        return Match(x_real, x_fake, None, self.discriminator(x_fake))

    def _match(self, x_real: Tensor, x_fake: Tensor) -> Match:
        if self._one_forward:
            real, fake = self.discriminator(torch.cat([x_real, x_fake])).split(len(x_real))
        else:
            real, fake = self.discriminator(x_real), self.discriminator(x_fake)
        return Match(x_real, x_fake, real, fake)

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

    def _generator_update(self) -> None:
        self._optimize(GENERATOR)

    def _backward(self, loss: Tensor, player: int) -> None:
        self.playing = player  # whose loss scale the precision plugin applies
        self.manual_backward(loss)

    def _optimize(self, player: int) -> None:
        optimizer = self.optimizers()[player]
        optimizer.step()
        optimizer.zero_grad()

    # ---- samples, clock, learning rates ---------------------------------------------------------------------

    def _prepare(self, batch: Tensor) -> Tensor:
        """Real samples as D sees them: (M, B, ...) floats, packs of consecutive samples side by side."""
        return self._pack(to_float(batch, self.dtype).flatten(0, 1)).unflatten(0, (len(batch), -1))

    def _fakes(self, n: int, draws: Draws) -> Tensor:
        """n fakes as D sees them."""
        return self._pack(self.generator(self.latent.draw(n * self.game.packing, draws, self.dtype)))

    def _pack(self, x: Tensor) -> Tensor:
        """(n * m, C, ...) -> (n, m * C, ...): m consecutive samples become the channels of one pack."""
        return x if self.game.packing == 1 else x.unflatten(0, (-1, self.game.packing)).flatten(1, 2)

    def _draws(self, *phase: int | str) -> Draws:
        if self._random is None or self._random.device != self.device:
            self._random = torch.Generator(self.device)
        words = (self.seed, self.clock.iteration, *phase)
        return Draws(*words, generator=self._random, rank=self.global_rank, world_size=self.trainer.world_size)

    _random: torch.Generator | None = None

    def _set_learning_rates(self) -> None:
        factor = self.schedule(self.clock.images)
        for optimizer in self.optimizers():
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * factor

    def _advance(self, batch: Tensor) -> None:
        samples = batch.shape[1] * self.trainer.world_size
        shown = samples * self.game.d_micro_batches
        self.clock.images += shown
        self.clock.iteration += 1
        self.clock.position += samples * len(batch)
        self.ema.update(self.generator_ema, self.generator, self.ema.decay(self.clock.images, shown))

    def _d_scalars(self, loss: Tensor, match: Match) -> dict[str, Tensor]:
        assert match.real is not None
        return {
            "loss/d": loss,
            "score/real": self.objective.output(match.real.value.float()).mean(),
            "score/fake": self.objective.output(match.fake.value.float()).mean(),
        }

    # ---- checkpoints ----------------------------------------------------------------------------------------

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["ganlab"] = {"clock": asdict(self.clock), "means": self.means.state_dict()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint.pop("loops", None)  # Lightning's own counters: a finished run would have nothing left to do
        self.check_shapes(checkpoint["state_dict"])
        self.clock = Clock(**checkpoint["ganlab"]["clock"])
        self.means.load_state_dict(checkpoint["ganlab"]["means"])

    def check_shapes(self, state: Mapping[str, Tensor]) -> None:
        """Raise CheckpointError unless a state dict has exactly this module's names and shapes."""
        mine = {name: tuple(tensor.shape) for name, tensor in self.state_dict().items()}
        theirs = {name: tuple(tensor.shape) for name, tensor in state.items()}
        for name in sorted(mine.keys() | theirs.keys()):
            if mine.get(name) != theirs.get(name):
                described = [str(list(s[name])) if name in s else "absent" for s in (theirs, mine)]
                raise CheckpointError(
                    f"the checkpoint does not fit this configuration: {name} is {described[0]} there and {described[1]} here"
                )


@contextmanager
def _frozen(discriminator: nn.Module) -> Iterator[None]:
    """D gives gradients to its input alone, and its power iterations rest."""
    resting = list(power_iterations(discriminator))
    discriminator.requires_grad_(False)
    for module in resting:
        module.eval()
    try:
        yield
    finally:
        discriminator.requires_grad_(True)
        for module in resting:
            module.train()


def _detached(match: Match) -> Match:
    def scores(s: Scores | None) -> Scores | None:
        return s and Scores(*(None if t is None else t.detach() for t in s))

    return Match(match.x_real, match.x_fake.detach(), scores(match.real), scores(match.fake), match.ranks)
