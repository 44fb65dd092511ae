"""Signals as requests: the run stops where it can be resumed exactly."""

import signal
import threading
from enum import IntEnum
from types import FrameType, TracebackType
from typing import Any

from ganlab import launch
from ganlab.terminal import say

_REQUEUE = signal.SIGUSR1  # what SLURM is asked to send before the time limit and at pre-emption

_early = threading.Event()  # the signal came before there was a run to stop


class Request(IntEnum):
    """What somebody wants; the highest of all ranks' requests counts."""

    NOTHING = 0
    STOP = 1
    REQUEUE = 2  # stop, and go on in a new allocation of the same SLURM job


def signals_to_hear() -> list[signal.Signals]:
    """Those that ask to stop: Ctrl-C, kill, SLURM's, and that of a closed terminal unless ``nohup`` has it ignored."""
    heard = [signal.SIGINT, signal.SIGTERM, _REQUEUE]
    return heard if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else [*heard, signal.SIGHUP]


def expect_requeue() -> None:
    """Survive SIGUSR1 from now on, and remember it; to be called before anything slow is imported."""
    signal.signal(_REQUEUE, lambda number, frame: _early.set())


def expect_no_requeue() -> None:
    """Survive SIGUSR1 to the end of the process: Python's own end makes it deadly again unless it is ignored."""
    signal.signal(_REQUEUE, signal.SIG_IGN)


class Interruption:
    """A context in which `signals_to_hear` only raise a flag; a second SIGINT interrupts at once.

    Outside the main thread, where Python delivers no signals, it does nothing.

    Attributes:
        request: what somebody wants.
        granted: what the run has stopped for, saved and at the same iteration on all ranks.
        urgent: somebody does not want to wait for that.
    """

    def __init__(self) -> None:
        self.request = Request.REQUEUE if _early.is_set() else Request.NOTHING
        self.granted, self.urgent = Request.NOTHING, False

    def __enter__(self) -> "Interruption":
        self._previous = self.listen()
        return self

    def listen(self) -> dict[signal.Signals, Any]:
        """Take the signals, perhaps back from somebody who took them since; returns who had them."""
        if threading.current_thread() is not threading.main_thread():
            return {}
        return {number: signal.signal(number, self._handle) for number in signals_to_hear()}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.request and number == signal.SIGINT:
            self.urgent = True
            raise KeyboardInterrupt
        if not self.request and launch.rank() == 0:
            say("\nstopping after this iteration; Ctrl-C again stops at once")
        self.request = max(self.request, Request.REQUEUE if number == _REQUEUE else Request.STOP)
