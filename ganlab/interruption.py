"""Ctrl-C as a request: the run stops where it can be resumed exactly."""

import signal
from types import FrameType, TracebackType


class Interruption:
    """A context in which the first SIGINT only raises a flag; a second one interrupts at once.

    Attributes:
        requested: somebody wants the run to stop.
    """

    def __init__(self) -> None:
        self.requested = False

    def __enter__(self) -> "Interruption":
        self._previous = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._previous)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
