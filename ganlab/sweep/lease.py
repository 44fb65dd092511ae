"""Who works at a trial, told so that no two ever do and that the dead are noticed."""

import json
import os
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from ganlab.runs import has_died, process, write_atomically

BEAT = 10.0  # seconds between two signs of life
DEAD_AFTER = 120.0  # seconds without one, seen from another machine; long enough for a disk that hangs


class Lease:
    """A file that names the process at work; it is touched every `BEAT` seconds while that lives."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def take(self) -> str:
        """Write this process's name; returns the token that tells this claim from all others."""
        token = uuid.uuid4().hex
        self.hand_over(token)
        return token

    def hand_over(self, token: str) -> None:
        """Keep the claim and name this process as the one at work."""
        write_atomically(self.path, json.dumps({"token": token, "process": process(os.getpid())}))

    def is_held(self, token: str) -> bool:
        return self._read().get("token") == token

    def beat(self) -> None:
        with suppress(OSError):
            os.utime(self.path)

    def release(self) -> None:
        self.path.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any]:
        try:
            return json.loads(self.path.read_text())
        except (OSError, ValueError):
            return {}

    def sign(self) -> tuple[int, str] | None:
        """Changes with every sign of life; None if nobody holds the lease."""
        try:
            return self.path.stat().st_mtime_ns, self._read()["token"]
        except (OSError, KeyError):
            return None

    def holder_died(self) -> bool:
        """Whether its process was on this machine and is surely gone."""
        known = self._read().get("process")
        return known is not None and has_died(known)


class Watch:
    """Decides which leases are dead, by what it has seen itself: clocks of other machines do not matter."""

    def __init__(self, dead_after: float = DEAD_AFTER) -> None:
        self._dead_after = dead_after
        self._seen: dict[Path, tuple[tuple[int, str], float]] = {}

    def is_dead(self, lease: Lease) -> bool:
        sign, now = lease.sign(), time.monotonic()
        if sign is None or lease.holder_died():
            return True
        seen, since = self._seen.get(lease.path, (None, now))
        if sign != seen:
            self._seen[lease.path] = (sign, now)
            return False
        return now - since > self._dead_after
