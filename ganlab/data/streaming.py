"""Batches of a set that does not fit on the device, made ready while earlier steps run."""

import time
from collections.abc import Callable, Iterator, Sequence
from queue import Full, Queue
from threading import Event, Thread
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ganlab.data.loader import Loader
from ganlab.data.mapped import MappedSet
from ganlab.data.source import TensorSet

AHEAD = 4  # steps that are ready before they are asked for
_HOST_LIMIT = 2 << 30  # bytes of a file that are read into memory where the device is the host
_DEVICE_SHARE = 1 / 3  # of the free memory of an accelerator that data may take


def fits(data: TensorSet, device: torch.device) -> bool:
    """Whether a `DeviceLoader` should keep this set; if not, a `StreamingLoader` yields the same."""
    size = data.x.numel() * data.x.element_size()
    if device.type == "cuda":
        return size <= _DEVICE_SHARE * torch.cuda.mem_get_info(device)[0]
    return not isinstance(data, MappedSet) or size <= _HOST_LIMIT


class _Ready(NamedTuple):
    x: Tensor
    copied: Any  # the CUDA event after which x is on the device; None: it is


class StreamingLoader(Loader):
    """Yields what a `DeviceLoader` of the same arguments would, from a set that stays on disk or in host RAM.

    A thread reads the samples of the next steps into pinned memory and copies them to the device on a stream
    of its own.  An error in it (a file that vanished) is raised where the batch is asked for.

    Attributes:
        waited: seconds that the training loop has waited for batches, the first one not counted.
    """

    order_on_host = True

    def _open(self, data: TensorSet) -> None:
        self.waited = 0.0
        self._shape = (self.steps.micro_batches * self.steps.batch_size, *data.x.shape[1:])
        self._dtype = data.x.dtype
        self._read = data.samples().read if isinstance(data, MappedSet) else _gather(data.x)

    def _batches(self) -> Iterator[Tensor]:
        ready: Queue[_Ready | BaseException | None] = Queue(AHEAD)
        stop = Event()
        thread = Thread(target=self._fill, args=(ready, stop), name="ganlab-data", daemon=True)
        thread.start()
        try:
            batch = ready.get()
            while isinstance(batch, _Ready):
                yield _hand_over(batch)
                asked = time.perf_counter()
                batch = ready.get()
                self.waited += time.perf_counter() - asked
            if batch is not None:
                raise batch
        finally:
            stop.set()
            thread.join()

    def _fill(self, ready: Queue, stop: Event) -> None:
        try:
            for batch in self._on_cuda() if self.device.type == "cuda" else self._on_other():
                if not _put(ready, batch, stop):
                    return
            _put(ready, None, stop)
        except BaseException as error:  # it is raised in the training loop
            _put(ready, error, stop)

    def _read_step(self, position: int, out: Tensor) -> None:
        self._read(self.steps.at(self.order, position).tolist(), out)

    def _on_other(self) -> Iterator[_Ready]:
        for position in self.steps:
            host = torch.empty(self._shape, dtype=self._dtype)
            self._read_step(position, host)
            yield _Ready(host.to(self.device), None)

    def _on_cuda(self) -> Iterator[_Ready]:
        with torch.cuda.device(self.device):  # else pinning would take memory on the first GPU for every rank
            stream: Any = torch.cuda.Stream()
            pinned = [torch.empty(self._shape, dtype=self._dtype, pin_memory=True) for _ in range(2)]
            copied: list[Any] = [None, None]
            for i, position in enumerate(self.steps):
                if copied[i % 2] is not None:
                    copied[i % 2].synchronize()  # the copy of two steps ago, which reads this buffer
                self._read_step(position, pinned[i % 2])
                with torch.cuda.stream(stream):
                    x = pinned[i % 2].to(self.device, non_blocking=True)
                copied[i % 2] = stream.record_event()
                yield _Ready(x, copied[i % 2])


def _gather(x: Tensor) -> Callable[[Sequence[int], Tensor], None]:
    def read(indices: Sequence[int], out: Tensor) -> None:
        torch.index_select(x, 0, torch.tensor(indices), out=out)

    return read


def _put(queue: Queue, item: object, stop: Event) -> bool:
    """Wait for room in the queue; False if nobody wants the item any more."""
    while not stop.is_set():
        try:
            queue.put(item, timeout=0.1)
            return True
        except Full:
            continue
    return False


def _hand_over(batch: _Ready) -> Tensor:
    """The batch, for the stream that computes: it waits for the copy, the host does not."""
    if batch.copied is not None:
        stream = torch.cuda.current_stream(batch.x.device)
        stream.wait_event(batch.copied)
        batch.x.record_stream(stream)
    return batch.x
