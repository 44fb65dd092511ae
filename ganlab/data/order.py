"""Which sample stands at which position of an endless training run, and whether it is mirrored there."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ganlab.randomness import fold


class _Epochs(ABC):
    """An endless sequence of numbers, n for each epoch; those of epoch e depend on (seed, e) alone.

    They are drawn on the host, so that they are the same on every kind of device.
    """

    purpose: str

    def __init__(self, n: int, *, seed: int, device: torch.device | str = "cpu") -> None:
        self.n, self.seed, self.device = n, seed, device
        self._epochs: dict[int, Tensor] = {}

    @abstractmethod
    def _draw(self, generator: torch.Generator) -> Tensor: ...

    def _epoch(self, epoch: int) -> Tensor:
        if epoch not in self._epochs:
            generator = torch.Generator().manual_seed(fold(self.seed, self.purpose, epoch))
            self._epochs = {
                e: p for e, p in self._epochs.items() if e == epoch - 1
            }  # a batch may straddle two
            self._epochs[epoch] = self._draw(generator).to(self.device, non_blocking=True)
        return self._epochs[epoch]

    def __call__(self, start: int, stop: int) -> Tensor:
        """The numbers at global positions [start, stop), shape (stop - start,)."""
        parts = []
        while start < stop:
            epoch, offset = divmod(start, self.n)
            take = min(stop - start, self.n - offset)
            parts.append(self._epoch(epoch)[offset : offset + take])
            start += take
        return parts[0] if len(parts) == 1 else torch.cat(parts)


class ShuffledOrder(_Epochs):
    """Indices of the samples, int64: an endless shuffled pass over n of them, each epoch a permutation."""

    purpose = "order"

    def _draw(self, generator: torch.Generator) -> Tensor:
        return torch.randperm(self.n, generator=generator)


class CoinFlips(_Epochs):
    """Whether the sample at a position is mirrored, bool, each with probability 1/2."""

    purpose = "flip"

    def _draw(self, generator: torch.Generator) -> Tensor:
        return torch.rand(self.n, generator=generator) < 0.5


class Steps:
    """The training steps of a run as one rank sees them.

    Micro-batch m of a step holds the global positions ``position + m * W * B + rank * B + [0, B)``.

    Args:
        batch_size: B, samples in a micro-batch on this rank.
        micro_batches: M, micro-batches in a training step.
        position: global position of the first sample of the next step; a resumed run starts where it stopped.
        steps: training steps left in the budget.
    """

    def __init__(
        self,
        *,
        batch_size: int,
        micro_batches: int,
        position: int,
        steps: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.batch_size, self.micro_batches = batch_size, micro_batches
        self.position, self.steps = position, steps
        self.rank, self.stride = rank, world_size * batch_size

    def __iter__(self) -> Iterator[int]:
        """Global positions of the first samples of the steps."""
        step = self.micro_batches * self.stride
        return iter(range(self.position, self.position + self.steps * step, step))

    def at(self, numbers: Callable[[int, int], Tensor], position: int) -> Tensor:
        """What `numbers` says of this rank's samples in the step that starts here, shape (M * B,)."""
        if self.stride == self.batch_size:
            return numbers(position, position + self.micro_batches * self.stride)
        first = position + self.rank * self.batch_size
        starts = range(first, first + self.micro_batches * self.stride, self.stride)
        return torch.cat([numbers(start, start + self.batch_size) for start in starts])
