"""A worker: claims a trial, has it trained, records it, until the sweep is done."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from ganlab import config
from ganlab.errors import ConfigError, GanlabError
from ganlab.interruption import Interruption, Request, signals_to_hear
from ganlab.runs import RunFolder
from ganlab.sweep.file import SweepFile
from ganlab.sweep.study import BAD_ENDS, Claim, Study
from ganlab.sweep.trial import PREEMPTED, TAKEN, TROUBLE, result_file

# of one trial before it counts as failed: out of memory, a crash of a driver, a mistake in a class
_BAD_ENDS = 3
_POLL = 1.0  # seconds between two looks at the study where everything is at work elsewhere


class Worker:
    """Works on one study, one trial at a time, each in a process of its own.

    The first signal to stop is passed on to the trial, which saves and stops; the sweep goes on from there when a
    worker comes back.

    Args:
        settings: what the user sets for every trial.
        say: told what happens, line by line.

    Attributes:
        stopping: somebody wants the worker to stop ...
        requeue: ... and SLURM has announced the end of the allocation.
    """

    def __init__(
        self, study: Study, sweep: SweepFile, settings: Sequence[str], config_dirs: Sequence[Path | str], *,
        say: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.study, self.sweep, self.say = study, sweep, say
        self._settings = list(settings)
        self._dirs = [str(folder) for folder in (*sweep.config_dirs, *config_dirs)]
        self._process: subprocess.Popen[bytes] | None = None
        self.stopping = self.requeue = False

    def work(self) -> None:
        """Until every trial is finished, those of other workers too, for they may die.

        Raises:
            GanlabError: a trial stopped for a reason that is not its own; it is taken up again later.
        """
        previous = {number: signal.signal(number, self._stop) for number in signals_to_hear()}
        self.stopping = self.requeue = Interruption().request == Request.REQUEUE  # it came before we listened
        try:
            waited = False
            while not self.stopping and not self.study.over:
                claim = self.study.claim()
                if claim is not None:
                    self._work_at(claim)
                    waited = False
                    continue
                if not waited:
                    self.say("every trial is done or at work; waiting for the other workers")
                waited = True
                time.sleep(_POLL)
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _work_at(self, claim: Claim) -> None:
        total = len(self.study.trials())
        label = f"[{claim.number + 1}/{total}] {claim.name}"
        if claim.taken_up:
            self.say(f"{label}: taking up what another worker left")
        started = time.monotonic()
        code = self._run(claim)
        result = self._result(claim)
        if code == 0 and result is not None:
            seconds = time.monotonic() - started
            self._record(claim, result, seconds)
            value = result["value"]
            said = f"failed: {result['reason']}" if value is None else f"{self.sweep.metric} {value:.4g}"
            self.say(f"{label}: {said} ({seconds:.0f} s)")
        elif code == TAKEN:
            self.say(f"{label}: another worker has taken it up")
        elif self.stopping or code == PREEMPTED:
            self.study.release(claim)
            self.stopping = True
            self.say(f"{label}: stopped; it goes on when a worker comes back")
        else:
            said = result["reason"] if result else f"it ended with {code}"
            reason = f"killed by {signal.Signals(-code).name}" if code < 0 else said
            gone = self._count_bad_end(claim, label, reason)
            if code == TROUBLE and not gone:
                raise GanlabError(
                    f"{claim.name} stopped for a reason that may not be its own (see above); the sweep can go on"
                )

    def _run(self, claim: Claim) -> int:
        lease = self.study.lease(claim.number).path
        with suppress(FileNotFoundError):
            result_file(lease).unlink()
        dirs = [word for folder in self._dirs for word in ("--config-dir", folder)]
        command = [
            sys.executable,
            "-m",
            "ganlab.sweep.trial",
            str(lease),
            claim.token,
            self.sweep.metric,
            *dirs,
        ]
        self._process = subprocess.Popen([*command, *self._words(claim)])
        if self.stopping:  # asked to while it was being started
            self._process.terminate()
        code = self._process.wait()
        self._process = None
        return code

    def _words(self, claim: Claim) -> list[str]:
        group = [f"wandb.group={self.sweep.name}", "wandb.job_type=sweep"]
        place = [f"run.root={self.study.folder}", f"run.name={claim.name}"]
        return [*group, *self.sweep.words, *claim.words, *self._settings, *place]

    def _result(self, claim: Claim) -> dict[str, Any] | None:
        try:
            return json.loads(result_file(self.study.lease(claim.number).path).read_text())
        except (OSError, ValueError):
            return None

    def _record(self, claim: Claim, result: dict[str, Any], seconds: float) -> None:
        told = {"run": claim.name, "seconds": round(seconds, 1), **result}
        value = told.pop("value")
        if value is None:
            self._leave_failed_run(claim, result["reason"])
        self.study.finish(claim, value, **told)

    def _leave_failed_run(self, claim: Claim, reason: str) -> None:
        """A run folder that says why, where the trial itself got no further than its parts or was killed."""
        folder = RunFolder(self.study.folder / claim.name)
        if folder.read_summary().get("state") in ("finished", "failed"):
            return
        if not folder.exists:
            try:
                folder.create(config.to_yaml(config.compose(self._words(claim), self._dirs)))
            except ConfigError:  # the reason says the same
                folder.path.mkdir(parents=True, exist_ok=True)
        folder.write_summary(state="failed", reason=reason)

    def _count_bad_end(self, claim: Claim, label: str, reason: str) -> bool:
        """A trial killed by the system or stopped by an error: perhaps by chance, perhaps by what it is.

        Returns:
            Whether it has now failed, for it came to `_BAD_ENDS` of them.
        """
        ends = 1 + self.study.trials()[claim.number].user_attrs.get(BAD_ENDS, 0)
        self.study.note(claim, BAD_ENDS, ends)
        if ends < _BAD_ENDS:
            self.say(f"{label}: {reason}; it will be taken up again")
            self.study.release(claim)
            return False
        self.say(f"{label}: failed: {reason}, {ends} times")
        self._record(claim, {"value": None, "reason": f"{reason}, {ends} times"}, 0.0)
        return True

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True
        self.requeue = self.requeue or number == signal.SIGUSR1
        if self._process is not None:
            self._process.send_signal(number if number == signal.SIGUSR1 else signal.SIGTERM)
