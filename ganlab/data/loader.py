"""The real samples of every training step, each a function of seed and position."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor

from ganlab.data.mapped import MappedSet
from ganlab.data.order import CoinFlips, ShuffledOrder, Steps
from ganlab.data.source import TensorSet

__all__ = ["DeviceLoader", "Loader", "ShuffledOrder"]


class Loader(ABC):
    """Iterates over the training steps of a run: yields the real samples of one, (M, B, ...), for this rank.

    Micro-batch m of a step holds the global positions ``position + m * W * B + rank * B + [0, B)``.

    Args:
        data: the samples.
        batch_size: B, samples in a micro-batch on this rank.
        micro_batches: M, micro-batches in a training step.
        seed: decides the order together with the position.
        position: global position of the first sample of the next step; a resumed run starts where it stopped.
        steps: training steps left in the budget.
        device: where the batches lie.
        flip: mirror each image with probability 1/2, decided by seed and position.
    """

    order_on_host: ClassVar[bool] = False

    def __init__(
        self, data: TensorSet, *, batch_size: int, micro_batches: int, seed: int, position: int, steps: int,
        device: torch.device | str, rank: int = 0, world_size: int = 1, flip: bool = False,
    ) -> None:  # fmt: skip
        self.device = torch.device(device)
        self.order = ShuffledOrder(len(data), seed=seed, device="cpu" if self.order_on_host else device)
        self.flips = CoinFlips(len(data), seed=seed, device=device) if flip else None
        self.steps = Steps(
            batch_size=batch_size, micro_batches=micro_batches, position=position, steps=steps,
            rank=rank, world_size=world_size,
        )  # fmt: skip
        self._open(data)

    @abstractmethod
    def _open(self, data: TensorSet) -> None:
        """Make the samples ready to be drawn from."""

    @abstractmethod
    def _batches(self) -> Iterator[Tensor]:
        """The samples of one step after the other, (M * B, ...), on the device."""

    def __iter__(self) -> Iterator[Tensor]:
        for position, x in zip(self.steps, self._batches(), strict=True):
            if self.flips is not None:
                mirrored = self.steps.at(self.flips, position)
                x = torch.where(mirrored[:, None, None, None], x.flip(-1), x)
            yield x.view(self.steps.micro_batches, self.steps.batch_size, *x.shape[1:])


class DeviceLoader(Loader):
    """For a set that fits on the device: moved there once; no workers, no copies, no synchronisation."""

    def _open(self, data: TensorSet) -> None:
        if isinstance(data, MappedSet) and self.device.type == "cpu":
            data = data.in_memory()  # or every batch would read the disk
        self.x = data.x.to(self.device)

    def _batches(self) -> Iterator[Tensor]:
        for position in self.steps:
            yield self.x[self.steps.at(self.order, position)]
