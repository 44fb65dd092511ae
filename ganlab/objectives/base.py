"""The interface of every adversarial objective: two losses over one meeting of the players."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from ganlab.ranks import Ranks

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

    @staticmethod
    def join(parts: Sequence["Scores"]) -> "Scores":
        """The scores of several micro-batches as those of one batch, cut off from the graph."""
        features = [part.features for part in parts if part.features is not None]
        return Scores(_join([part.value for part in parts]), _join(features) if features else None)


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

    @staticmethod
    def join(parts: Sequence["Match"]) -> "Match":
        """Several micro-batches' meetings as one, cut off from the graph."""
        reals = [part.real for part in parts if part.real is not None]
        return Match(
            _join([part.x_real for part in parts]),
            _join([part.x_fake for part in parts]),
            Scores.join(reals) if reals else None,
            Scores.join([part.fake for part in parts]),
            parts[0].ranks,
        )


def _join(parts: list[Tensor]) -> Tensor:
    return (parts[0] if len(parts) == 1 else torch.cat(parts)).detach()


class Objective(nn.Module, ABC):
    """A pair of losses; the training step knows nothing else about the kind of GAN it trains.

    Attributes:
        critic: the kind of D it plays with.
        paired: whether the G loss reads ``match.real``; fresh real samples in the G step are refused otherwise.
        one_to_one: whether the G loss holds real sample i against fake i; such an objective is refused with a
            G step that has more fakes than real samples.
        compares_samples: whether a loss compares each ``x_real`` with its ``x_fake``; such an objective is
            refused with packing.
        couples_batch: whether a sample's loss depends on the other samples of its batch; such an objective
            is refused with gradient accumulation.
        bounded_slope: whether what the loss of D means rests on a bound on D's slope.
        pretrain_images: real images that D is first trained on alone, with `pretrain_loss`, G at rest.
        lr_interval: iterations between two moments at which `lr_factor` may change; 0 if it never does.
    """

    critic: ClassVar[Critic] = "scalar"
    paired: ClassVar[bool] = False
    one_to_one: ClassVar[bool] = False
    compares_samples: ClassVar[bool] = False
    bounded_slope: ClassVar[bool] = False
    couples_batch: bool = False
    pretrain_images: int = 0
    lr_interval: int = 0

    def __init__(self) -> None:  # nn.Module's would swallow misspelt arguments
        super().__init__()

    @abstractmethod
    def d_loss(self, match: Match) -> Tensor:
        """The scalar that D minimises."""

    @abstractmethod
    def g_loss(self, match: Match) -> Tensor:
        """The scalar that G minimises; its gradient reaches G through ``match.fake``."""

    def pretrain_loss(self, real: Scores) -> Tensor:
        """The scalar that D minimises during the first `pretrain_images`, from real samples alone."""
        raise NotImplementedError(f"{type(self).__name__} has no first phase: its pretrain_images is 0")

    def output(self, value: Tensor) -> Tensor:
        """D's output as its paper writes it, for people to read: a probability if it is logistic."""
        return value

    def optimal_output(self, p: Tensor, q: Tensor) -> Tensor | None:
        """`output` of the best D where the data have density p and the fakes q, (N,) up to one factor: (N,).

        None unless it is known, unique, and finite where only one of the two is 0.
        """
        return None

    def update(self, d: Match, g: Match) -> None:
        """Move control state, once per iteration, from detached matches of the D and the G step."""

    def lr_factor(self) -> Tensor:
        """What both players' learning rates are multiplied by, a scalar control state.

        The step fetches it every `lr_interval` iterations only, since that waits for the device.
        """
        return torch.tensor(1.0)

    def diagnostics(self, match: Match) -> dict[str, Tensor]:
        """What the theory says the loss of D estimates, as scalars by name; from the last match of D steps."""
        return {}


def scores_of(match: Match) -> tuple[Tensor, Tensor]:
    """D's values of both sides in at least float32: (N,), (N,)."""
    assert match.real is not None, "the step computes D(real) for D's loss and for paired objectives"
    return at_least_float32(match.real.value), at_least_float32(match.fake.value)


def fake_score_of(match: Match) -> Tensor:
    """D's values of the fakes in at least float32: (N,)."""
    return at_least_float32(match.fake.value)


def share_of_data(p: Tensor, q: Tensor) -> Tensor:
    """p / (p + q), (N,) in [0, 1]: what of the samples that D sees somewhere is real; 1/2 where it sees none."""
    return torch.where(p + q > 0, p / (p + q), 0.5)


def at_least_float32(value: Tensor) -> Tensor:
    """The tensor itself, or a float32 copy of one in half precision."""
    return value if value.dtype.itemsize >= 4 else value.float()
