"""The processes that play one game together, each with its share of the batch."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ganlab.errors import GanlabError, OtherRankError

T = TypeVar("T")


class Ranks:
    """The ranks whose batches together are one batch; this base class is a single process.

    Attributes:
        rank: this process, 0 <= rank < size.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    def mean(self, values: Tensor) -> Tensor:
        """Mean over the samples of all ranks, differentiable; values (N,) -> scalar."""
        return values.mean()

    def gather(self, values: Tensor) -> Tensor:
        """The rows of all ranks in rank order, differentiable; values (N, ...) -> (size * N, ...)."""
        return values

    def average_(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors of one dtype by their mean over the ranks, with one message."""

    def average_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Replace gradients by their means over the ranks; one that is None on a rank counts as 0."""

    def gather_rows(self, row: Tensor) -> Tensor:
        """Every rank's row, (n,) -> (size, n), outside the graph."""
        return row[None]

    def highest(self, flag: int) -> int:
        """The highest flag of all ranks; they all hear the same, though perhaps only in their next call."""
        return flag

    def each(self, value: T) -> list[T]:
        """Every rank's value, in rank order; anything that can be pickled."""
        return [value]

    def first(self, make: Callable[[], T]) -> T:
        """What rank 0 makes, on all ranks.

        Raises:
            GanlabError: rank 0's own error there, `OtherRankError` on the other ranks.
        """
        return make()


class AllRanks(Ranks):
    """The processes of torch.distributed, which must be initialised.

    Values on the device travel through its own group; what the hosts have to agree on travels through a gloo
    group, which waits for no device.
    """

    def __init__(self) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self._hosts = dist.new_group(backend="gloo")
        self._asked: tuple[Any, Tensor] | None = None

    def mean(self, values: Tensor) -> Tensor:
        return _Sum.apply(values.mean()) / self.size

    def gather(self, values: Tensor) -> Tensor:
        return _Gather.apply(values)

    def average_(self, tensors: Sequence[Tensor]) -> None:
        if not tensors:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        dist.all_reduce(flat)
        flat /= self.size
        parts = flat.split([tensor.numel() for tensor in tensors])
        means = [part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]
        torch._foreach_copy_(list(tensors), means)

    def average_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        self.average_([parameter.grad for parameter in parameters if parameter.grad is not None])

    def gather_rows(self, row: Tensor) -> Tensor:
        rows = [torch.empty_like(row) for _ in range(self.size)]
        dist.all_gather(rows, row)
        return torch.stack(rows)

    def highest(self, flag: int) -> int:
        """Answers what the last call asked, so that nobody waits for a message on its way; 0 the first time."""
        answer = 0
        if self._asked is not None:
            work, told = self._asked
            work.wait()
            answer = int(told)
        told = torch.tensor(flag)
        self._asked = dist.all_reduce(told, dist.ReduceOp.MAX, group=self._hosts, async_op=True), told
        return answer

    def each(self, value: T) -> list[T]:
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value, group=self._hosts)
        return values

    def first(self, make: Callable[[], T]) -> T:
        told: list[Any] = [None, None]  # the result, or the error
        error: GanlabError | None = None
        if self.rank == 0:
            try:
                told[0] = make()
            except GanlabError as raised:
                error, told[1] = raised, str(raised)
        dist.broadcast_object_list(told, src=0, group=self._hosts)
        if error is not None:
            raise error
        if told[1] is not None:
            raise OtherRankError(told[1])
        return told[0]


class _Sum(torch.autograd.Function):
    """The sum over ranks; since every rank's loss depends on it, so is its gradient."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total


class _Gather(torch.autograd.Function):
    """All ranks' rows; the gradient of this rank's rows comes from every rank's loss."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        rows = [torch.empty_like(values) for _ in range(dist.get_world_size())]
        dist.all_gather(rows, values.contiguous())
        return torch.cat(rows)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total.chunk(dist.get_world_size())[dist.get_rank()]
