"""Words for whoever watches on standard error; that the terminal is closed or the reader gone ends no run."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def say(text: str) -> None:
    """Print a line, if anybody is there."""
    with perhaps_unheard():
        print(text, file=sys.stderr, flush=True)


@contextmanager
def perhaps_unheard() -> Iterator[None]:
    """A block that writes to standard error; what cannot be written is lost, and so is all that comes later."""
    try:
        yield
    except OSError:  # EPIPE of a pipe, EIO of a terminal
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  for the rest of the process
