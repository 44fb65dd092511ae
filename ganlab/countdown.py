"""How far a long piece of work is and how much time is left, on standard error."""

import sys
import time

from tqdm import tqdm

_SILENT = 5.0  # seconds before the first line where there is no terminal
_EVERY = 30.0  # seconds between two lines there


class Countdown:
    """A bar with the time left for every kind of work; where there is no terminal a line now and then.

    Call it as ``countdown(what, done, total)``: so many more of `total` are done, 0 where the work begins.  A kind of
    work that is complete begins anew at its next call.
    """

    def __init__(self) -> None:
        self.what, self.done, self.total = "", 0, 0
        self._began = self._told = time.monotonic()
        self._bar: tqdm | None = None

    def __call__(self, what: str, done: int, total: int) -> None:
        if what != self.what or self.done >= self.total:
            self._begin(what, total)
        done = min(done, self.total - self.done)
        self.done += done
        if self._bar is not None:
            self._bar.update(done)
        else:
            self._tell()
        if self.done >= self.total:
            self.close()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _begin(self, what: str, total: int) -> None:
        self.close()
        self.what, self.done, self.total = what, 0, total
        self._began = self._told = time.monotonic()
        if sys.stderr.isatty():
            format_ = (
                "{desc} {percentage:3.0f}% |{bar:16}| {n_fmt}/{total_fmt} [{rate_fmt}, {remaining} left]"
            )
            self._bar = tqdm(
                desc=what, total=total, bar_format=format_, unit=" images", dynamic_ncols=True, leave=False
            )

    def _tell(self) -> None:
        now = time.monotonic()
        spent = now - self._began
        if spent < _SILENT or now - self._told < (_EVERY if self._told > self._began else _SILENT):
            return
        self._told = now
        left = spent * (self.total - self.done) / max(self.done, 1)
        text = f"{self.what}: {self.done:,} of {self.total:,}, {self.done / spent:.0f} images/s, {left:.0f} s left"
        print(text, file=sys.stderr, flush=True)
