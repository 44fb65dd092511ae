"""One evaluation on several processes: each takes its share of the samples, the first one works out the numbers."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from ganlab.errors import OtherRankError

T = TypeVar("T")


class Shards:
    """The processes that evaluate together: those of torch.distributed where it is initialised, else this one.

    Process r of W has samples r, r + W, r + 2 W, ...: nothing is padded, none is measured twice.  Every method but
    `positions` is collective: all processes call the same ones in the same order.

    Attributes:
        rank: this process; 0 works out the numbers and writes files.
        world: number of processes.
    """

    def __init__(self) -> None:
        several = dist.is_available() and dist.is_initialized()
        self.rank = dist.get_rank() if several else 0
        self.world = dist.get_world_size() if several else 1

    def positions(self, n: int) -> range:
        """Numbers of this process's samples among n."""
        return range(self.rank, n, self.world)

    def together(self, action: Callable[[], T]) -> T:
        """What the action gives here; if it fails on any process, all raise, so that none waits for ever.

        Raises:
            OtherRankError: it failed on another process; its own error where it failed here.
        """
        if self.world == 1:
            return action()
        failed, result = None, None
        try:
            result = action()
        except Exception as error:  # whatever it is, the others must hear of it
            failed = error
        told: list[str | None] = [None] * self.world
        dist.all_gather_object(told, None if failed is None else str(failed) or type(failed).__name__)
        if failed is not None:
            raise failed
        if reason := next((text for text in told if text is not None), None):
            raise OtherRankError(reason)
        return result  # type: ignore[return-value]

    def first(self, action: Callable[[], T]) -> T:
        """What the action gives on process 0, which alone does it; its error on all."""
        result = self.together(action) if self.rank == 0 else self.together(lambda: None)
        if self.world == 1:
            return result  # type: ignore[return-value]
        told: list[Any] = [result]
        dist.broadcast_object_list(told, src=0)
        return told[0]

    def largest(self, value: int) -> int:
        """The largest of all processes' values."""
        if self.world == 1:
            return value
        told: list[Any] = [None] * self.world
        dist.all_gather_object(told, value)
        return max(told)

    def add_up(self, tensor: Tensor) -> Tensor:
        """The sum over processes, in place."""
        if self.world > 1:
            dist.all_reduce(tensor)
        return tensor

    def rows(self, mine: Tensor, kept: Tensor) -> Tensor:
        """Rows of all processes in the order of their numbers, (K, ...), on process 0; none elsewhere.

        Args:
            mine: this process's rows, in order.
            kept: (n,) bool, the same on all processes: which of the n samples have a row.
        """
        if self.world == 1:
            return mine
        of_rank = [kept[r :: self.world] for r in range(self.world)]
        most = max(int(those.sum()) for those in of_rank)
        padded = mine.new_zeros(most, *mine.shape[1:])
        padded[: len(mine)] = mine
        parts = [torch.empty_like(padded) for _ in of_rank] if self.rank == 0 else None
        dist.gather(padded, parts, dst=0)
        if parts is None:
            return mine[:0]
        rows = mine.new_empty(int(kept.sum()), *mine.shape[1:])
        place = kept.cumsum(0) - 1
        for r, (those, part) in enumerate(zip(of_rank, parts, strict=True)):
            rows[place[r :: self.world][those].to(rows.device)] = part[: int(those.sum())]
        return rows
