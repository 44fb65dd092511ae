"""Batches of a set that fits on the device: no worker processes, no copies, no synchronisation."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ganlab.data.source import TensorSet
from ganlab.randomness import fold


class ShuffledOrder:
    """An endless shuffled pass over n samples: epoch e is a permutation that depends on (seed, e) alone.

    The permutation is made on the host, so that the order is the same on every kind of device.
    """

    def __init__(self, n: int, *, seed: int, device: torch.device | str = "cpu") -> None:
        self.n, self.seed, self.device = n, seed, device
        self._epochs: dict[int, Tensor] = {}

    def _epoch(self, epoch: int) -> Tensor:
        if epoch not in self._epochs:
            generator = torch.Generator().manual_seed(fold(self.seed, "order", epoch))
            self._epochs = {
                e: p for e, p in self._epochs.items() if e == epoch - 1
            }  # a batch may straddle two
            self._epochs[epoch] = torch.randperm(self.n, generator=generator).to(
                self.device, non_blocking=True
            )
        return self._epochs[epoch]

    def __call__(self, start: int, stop: int) -> Tensor:
        """Indices of the samples at global positions [start, stop), shape (stop - start,)."""
        parts = []
        while start < stop:
            epoch, offset = divmod(start, self.n)
            take = min(stop - start, self.n - offset)
            parts.append(self._epoch(epoch)[offset : offset + take])
            start += take
        return parts[0] if len(parts) == 1 else torch.cat(parts)


class DeviceLoader:
    """Iterates over the training steps of a run: yields the real samples of one, (M, B, ...), for this rank.

    Micro-batch m of a step holds the global positions ``position + m * W * B + rank * B + [0, B)``.

    Args:
        data: the samples; they are moved to the device once.
        batch_size: B, samples in a micro-batch on this rank.
        micro_batches: M, micro-batches in a training step.
        seed: decides the order together with the position.
        position: global position of the first sample of the next step; a resumed run starts where it stopped.
        steps: training steps left in the budget.
    """

    def __init__(
        self, data: TensorSet, *, batch_size: int, micro_batches: int, seed: int, position: int, steps: int,
        device: torch.device | str, rank: int = 0, world_size: int = 1,
    ) -> None:  # fmt: skip
        self.x = data.x.to(device)
        self.order = ShuffledOrder(len(data), seed=seed, device=device)
        self.batch_size, self.micro_batches = batch_size, micro_batches
        self.position, self.steps = position, steps
        self.rank, self.world_size = rank, world_size

    def __iter__(self) -> Iterator[Tensor]:
        position, stride = self.position, self.world_size * self.batch_size
        for _ in range(self.steps):
            yield self.x[self._indices(position, stride)].unflatten(0, (self.micro_batches, self.batch_size))
            position += self.micro_batches * stride

    def _indices(self, position: int, stride: int) -> Tensor:
        if self.world_size == 1:
            return self.order(position, position + self.micro_batches * stride)
        first = position + self.rank * self.batch_size
        starts = range(first, first + self.micro_batches * stride, stride)
        return torch.cat([self.order(start, start + self.batch_size) for start in starts])
