"""The interface of every adversarial objective: two losses over one meeting of the players."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from torch import Tensor, nn

Critic = Literal["scalar", "autoencoder"]


class Scores(NamedTuple):
    """What D says about N samples.

    Attributes:
        value: (N,) a scalar critic's score, higher = more real; an autoencoder's energy, lower = more real.
        features: (N, F) a representation, or None; EBGAN's code.
    """

    value: Tensor
    features: Tensor | None = None

    def split(self, n: int) -> tuple["Scores", "Scores"]:
        """The scores of the first n samples and of the others."""
        if self.features is None:
            return Scores(self.value[:n]), Scores(self.value[n:])
        return Scores(self.value[:n], self.features[:n]), Scores(self.value[n:], self.features[n:])

    def detach(self) -> "Scores":
        """The same scores without their graph."""
        return Scores(self.value.detach(), None if self.features is None else self.features.detach())


class Ranks:
    """The ranks whose batches together are one batch; this base class is a single process."""

    size: int = 1

    def mean(self, values: Tensor) -> Tensor:
        """Mean over the samples of all ranks, differentiable; values (N,) -> scalar."""
        return values.mean()

    def gather(self, values: Tensor) -> Tensor:
        """The rows of all ranks in rank order, differentiable; values (N, ...) -> (size * N, ...)."""
        return values


SINGLE_PROCESS = Ranks()


@dataclass(frozen=True)
class Match:
    """One meeting of the two players.

    Attributes:
        x_real, x_fake: (N, ...) samples as D sees them, images in [-1, 1].
        real, fake: D's scores of them; ``real`` is None in the G step unless the objective is `paired`.
        ranks: for the objectives that couple a batch over all ranks.
    """

    x_real: Tensor
    x_fake: Tensor
    real: Scores | None
    fake: Scores
    ranks: Ranks = SINGLE_PROCESS


class Objective(nn.Module, ABC):
    """A pair of losses; the training step knows nothing else about the kind of GAN it trains.

    Attributes:
        critic: the kind of D it plays with.
        paired: whether the G loss reads ``match.real``.
        couples_batch: whether a sample's loss depends on the other samples of its batch; such an objective
            is refused with gradient accumulation.
    """

    critic: ClassVar[Critic] = "scalar"
    paired: ClassVar[bool] = False
    couples_batch: ClassVar[bool] = False

    @abstractmethod
    def d_loss(self, match: Match) -> Tensor:
        """The scalar that D minimises."""

    @abstractmethod
    def g_loss(self, match: Match) -> Tensor:
        """The scalar that G minimises; its gradient reaches G through ``match.fake``."""

    def output(self, value: Tensor) -> Tensor:
        """D's output as its paper writes it, for people to read: a probability for the logistic objectives."""
        return value

    def update(self, d: Match, g: Match) -> None:
        """Move control state, once per iteration, from detached matches of the D and the G step."""

    def diagnostics(self, match: Match) -> dict[str, Tensor]:
        """What the theory says the loss of D estimates, as scalars by name; from a match of the D step."""
        return {}


def scores_of(match: Match) -> tuple[Tensor, Tensor]:
    """D's values of both sides in at least float32: (N,), (N,)."""
    assert match.real is not None, "the step computes D(real) for D's loss and for paired objectives"
    return _full(match.real.value), _full(match.fake.value)


def fake_score_of(match: Match) -> Tensor:
    """D's values of the fakes in at least float32: (N,)."""
    return _full(match.fake.value)


def _full(value: Tensor) -> Tensor:
    return value if value.dtype.itemsize >= 4 else value.float()
