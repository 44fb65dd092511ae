"""One trial in a process of its own: ``python -m ganlab.sweep.trial LEASE TOKEN METRIC [--config-dir DIR] WORDS...``

A process that dies, whatever of, takes no worker with it; it leaves its result beside the lease.
"""

import json
import math
import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from ganlab import launch
from ganlab.errors import ConfigError, GanlabError, OtherRankError, TrainingError
from ganlab.interruption import expect_requeue
from ganlab.runs import write_atomically
from ganlab.sweep.lease import BEAT, Lease

TROUBLE = 1  # exit code: perhaps not the trial's fault, as a full disk
BROKEN = 2  # an error that nobody expected, as in a class of the user's
PREEMPTED = 130
TAKEN = 131  # another worker has the trial by now


def result_file(lease: Path) -> Path:
    return lease.with_suffix(".json")


def main(words: Sequence[str]) -> int:
    """Train one trial; 0 if there is a result, which a loss that diverges is too, else a result with the reason."""
    lease, token, metric, *rest = words
    if launch.launcher() == "slurm":
        expect_requeue()
    if launch.rank() == 0 and not _hold(Lease(Path(lease)), token):
        return TAKEN
    dirs = [rest[i + 1] for i, word in enumerate(rest) if word == "--config-dir"]
    settings = [word for i, word in enumerate(rest) if "--config-dir" not in (word, rest[i - 1] if i else "")]
    sys.path += ["", *dirs]  # where a user's classes are, as for ganlab train
    code, result = 0, None
    try:
        result = _train(settings, dirs, metric)
    except OtherRankError:
        return TROUBLE
    except GanlabError as error:
        print(f"ganlab: {error}", file=sys.stderr)
        code, result = TROUBLE, _failed(str(error))
    except Exception as error:
        traceback.print_exc()
        code, result = BROKEN, _failed(f"{type(error).__name__}: {error}")
    if result is None:
        return PREEMPTED if Lease(Path(lease)).is_held(token) else TAKEN
    if launch.rank() == 0:
        with suppress(GanlabError) if code else nullcontext():  # a full disk is perhaps what went wrong
            write_atomically(result_file(Path(lease)), json.dumps(result))
    return code


def _failed(reason: str) -> dict[str, Any]:
    return {"value": None, "reason": " ".join(reason.split())[:500]}


def _hold(lease: Lease, token: str) -> bool:
    """Be the process at work, until somebody else is."""
    if not lease.is_held(token):
        return False
    lease.hand_over(token)

    def beat() -> None:
        while not stop.wait(BEAT):
            if not lease.is_held(token):  # this machine slept, and the trial is another's by now
                os.kill(os.getpid(), signal.SIGTERM)
                return
            lease.beat()

    stop = threading.Event()
    threading.Thread(target=beat, daemon=True, name="lease").start()
    return True


def _train(words: list[str], dirs: list[str], metric: str) -> dict[str, Any] | None:
    """The result: a value and its protocol, or the reason why there is none; None if it was asked to stop.

    Raises GanlabError where another trial would fare no better.
    """
    import torch

    import ganlab
    from ganlab import config

    try:
        cfg = config.compose(words, dirs)
        config.validate(cfg)
        run = ganlab.train(cfg)
    except (TrainingError, ConfigError, torch.OutOfMemoryError) as error:
        return _failed(str(error))
    except KeyboardInterrupt:
        return None
    if run.summary["state"] != "finished":
        return None
    return outcome(run.summary, metric)


def outcome(summary: dict[str, Any], metric: str) -> dict[str, Any]:
    """A finished run's value of ``best/NAME`` or ``eval/NAME`` with its protocol; raises ConfigError if it has none."""
    kind, _, name = metric.partition("/")
    values = summary.get("best" if kind == "best" else "final", {})
    if name not in values:
        there = ", ".join(f"{kind}/{other}" for other in values) or "nothing"
        raise ConfigError(f"the runs of this sweep have no {metric}; they measure {there}")
    if not math.isfinite(values[name]):
        return _failed(f"{metric} is {values[name]}")
    return {"value": values[name], "reason": None, "protocol": summary["protocol"]}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
