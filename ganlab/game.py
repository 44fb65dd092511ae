"""The rules of the game: who moves, how often, on how many samples; and its clock."""

from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor


@dataclass
class Clock:
    """How far a run is.

    Attributes:
        images: real images shown to D, over all ranks; what budgets and schedules count.
        iteration: G steps made.
        position: real samples drawn from the data order, over all ranks.
        pretrained: real images shown to D before the game, over all ranks; in no budget.
    """

    images: int = 0
    iteration: int = 0
    position: int = 0
    pretrained: int = 0

    @property
    def at_start(self) -> bool:
        """Nothing has been trained yet."""
        return self.position == 0


Order = Literal["d_first", "g_first", "simultaneous"]


@dataclass(frozen=True, kw_only=True)
class Game:
    """One iteration is ``n_critic`` D steps and one G step.

    Attributes:
        n_critic: D steps for each G step.
        order: ``d_first``, ``g_first``, or ``simultaneous``: both gradients at the same weights, then both steps.
        g_batch_factor: fakes in a G step for each one in a D step (2 in WGAN-GP's and SNGAN's code).
        accumulate: micro-batches in each step; gradients are averaged over them.
        g_real: real samples a paired objective sees in the G step: those of the last D step, or fresh ones.
        packing: samples that D judges together (PacGAN); 1 for none.
    """

    n_critic: int = 1
    order: Order = "d_first"
    g_batch_factor: int = 1
    accumulate: int = 1
    g_real: Literal["reuse", "fresh"] = "reuse"
    packing: int = 1

    def __post_init__(self) -> None:
        for name in ("n_critic", "g_batch_factor", "accumulate", "packing"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.order not in get_args(Order):
            raise ValueError(f"order must be one of {', '.join(get_args(Order))}, got {self.order}")
        if self.order == "simultaneous" and self.n_critic > 1:
            raise ValueError(
                f"order=simultaneous plays one D step for each G step, and game.n_critic={self.n_critic}"
                " asks for more; set it to 1"
            )

    @property
    def d_micro_batches(self) -> int:
        """Real micro-batches that D is trained on in one iteration."""
        return self.n_critic * self.accumulate

    @property
    def micro_batches(self) -> int:
        """Real micro-batches drawn in one iteration."""
        return self.d_micro_batches + (self.accumulate if self.g_real == "fresh" else 0)

    def pack(self, x: Tensor) -> Tensor:
        """(n * m, C, ...) -> (n, m * C, ...): m consecutive samples become the channels of one pack."""
        return x if self.packing == 1 else x.unflatten(0, (-1, self.packing)).flatten(1, 2)
