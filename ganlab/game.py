"""The rules of the game: who moves, how often, on how many samples."""

from dataclasses import dataclass
from typing import Literal, get_args

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
            raise ValueError("order=simultaneous plays one D step for each G step; set n_critic=1")

    @property
    def d_micro_batches(self) -> int:
        """Real micro-batches that D is trained on in one iteration."""
        return self.n_critic * self.accumulate

    @property
    def micro_batches(self) -> int:
        """Real micro-batches drawn in one iteration."""
        return self.d_micro_batches + (self.accumulate if self.g_real == "fresh" else 0)
