"""Calls that nobody waits for."""

import queue
import threading
from collections.abc import Callable
from typing import Any

_CAPACITY = 10_000  # calls that may wait; at one a second, hours of a server that does not answer


class Background:
    """Makes calls one after another in a thread of its own, in the order they were asked for.

    Asking takes no time and never fails.  The first call that raises ends it, as does a queue that is full: what
    comes later is dropped.

    Args:
        failed: told the reason, once.
    """

    def __init__(self, failed: Callable[[str], None]) -> None:
        self._failed, self._lock = failed, threading.Lock()
        self._calls: queue.Queue[tuple[Callable[..., Any], tuple[Any, ...]] | None] = queue.Queue(_CAPACITY)
        self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)
        self.over = False
        self._thread.start()

    def ask(self, call: Callable[..., Any], *arguments: Any) -> None:
        """Have this call made when those before it are done."""
        if self.over:
            return
        try:
            self._calls.put_nowait((call, arguments))
        except queue.Full:
            self.fail(f"it has not taken anything of the last {_CAPACITY:,} messages")

    def close(self, timeout: float) -> None:
        """Wait for what was asked for, at most so many seconds."""
        if not self.over:
            self._calls.put(None)
            self._thread.join(timeout)
            if self._thread.is_alive():
                self.fail(f"it did not take everything within {timeout:.0f} s")

    def fail(self, reason: str) -> None:
        """Make no more calls; says why unless that was said before."""
        with self._lock:
            first, self.over = not self.over, True
        if first:
            self._failed(reason)

    def _work(self) -> None:
        while (item := self._calls.get()) is not None and not self.over:
            call, arguments = item
            try:
                call(*arguments)
            except BaseException as error:  # SystemExit too: whatever is wrong with W&B, the training goes on
                self.fail(" ".join(str(error).split())[:300] or type(error).__name__)
