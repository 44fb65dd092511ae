"""Ctrl-C and SIGTERM as requests: the run stops where it can be resumed exactly."""

import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """A context in which the first SIGINT or SIGTERM only raises a flag; a second SIGINT interrupts at once.

    Outside the main thread, where Python delivers no signals, it does nothing.

    Attributes:
        requested: somebody wants the run to stop.
        urgent: and does not want to wait.
    """

    def __init__(self) -> None:
        self.requested = self.urgent = False

    def __enter__(self) -> "Interruption":
        self._previous = self.listen()
        return self

    def listen(self) -> dict[signal.Signals, Any]:
        """Take the signals, perhaps back from somebody who took them since; returns who had them."""
        if threading.current_thread() is not threading.main_thread():
            return {}
        return {number: signal.signal(number, self._handle) for number in _SIGNALS}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested and number == signal.SIGINT:
            self.urgent = True
            raise KeyboardInterrupt
        self.requested = True
        print("\nstopping after this iteration; Ctrl-C again stops at once", file=sys.stderr, flush=True)
