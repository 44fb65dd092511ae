"""The trials of a sweep, shared by workers through files: each is done once, and those of the dead are taken up."""

import itertools
import json
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from optuna.samplers import BaseSampler, GPSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from optuna.trial import FrozenTrial, TrialState

from ganlab.config.values import split_word
from ganlab.errors import ConfigError
from ganlab.runs import write_atomically
from ganlab.sweep.file import SweepFile
from ganlab.sweep.lease import Lease, Watch

optuna.logging.set_verbosity(optuna.logging.ERROR)

BAD_ENDS = "bad_ends"  # what is noted of a trial: how often it was killed, or stopped by an error
SAMPLERS: dict[str, Callable[..., BaseSampler]] = {
    "tpe": partial(TPESampler, multivariate=True, constant_liar=True, n_startup_trials=10),
    "gp": partial(GPSampler, n_startup_trials=10, deterministic_objective=False),
}


@dataclass(frozen=True)
class Claim:
    """A trial that is ours to train.

    Attributes:
        number: of the trial, from 0.
        words: its parameters, as ``key=value``.
        name: of its run.
        token: of the lease.
        taken_up: whether somebody began it before.
    """

    number: int
    words: tuple[str, ...]
    name: str
    token: str
    taken_up: bool


class Study:
    """One sweep in a folder; its runs are there, what the workers share is in ``.sweep`` in it.

    Args:
        folder: of the sweep.
        settings: what the user sets for every trial beyond the file; None to look at what is there and add no trial.
        trials: how many; None: all points of the grid, or the file's ``run_cap``.
        sampler: of a Bayesian sweep, one of `SAMPLERS`.

    Raises:
        ConfigError: the folder holds another sweep, or nobody says how many trials there are.
    """

    def __init__(
        self, folder: Path, sweep: SweepFile, settings: Sequence[str] | None, *, trials: int | None = None,
        sampler: str = "tpe", watch: Watch | None = None,
    ) -> None:  # fmt: skip
        self.folder, self.sweep = folder, sweep
        self.shared = folder / ".sweep"
        self._watch, self._sampler = watch or Watch(), SAMPLERS[sampler]
        self._points = _grid(sweep) if sweep.method == "grid" else []
        self._distributions = {key: p.distribution() for key, p in sweep.parameters.items()}
        wanted = 0 if settings is None else self._wanted(trials)
        self.shared.mkdir(parents=True, exist_ok=True)
        with self.lock():
            self._compare(settings)
            self._study = self._open()
            for number in range(len(self.trials()), wanted):
                self._study.enqueue_trial(self._points[number] if self._points else {})

    @staticmethod
    def exists(folder: Path) -> bool:
        return (folder / ".sweep" / "sweep.json").is_file()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Alone among all workers, on this machine and others; for moments only."""
        lock = JournalFileSymlinkLock(str(self.shared / "claims"))
        lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def lease(self, number: int) -> Lease:
        return Lease(self.shared / f"{number:04d}.lease")

    def trials(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    @property
    def over(self) -> bool:
        return all(trial.state.is_finished() for trial in self.trials())

    def claim(self) -> Claim | None:
        """A trial to train; None if all are done or at work.

        First what a dead worker left, then a new one, last those that came to a bad end before.
        """
        with self.lock():
            trials = self.trials()
            left = [
                t
                for t in trials
                if t.state is TrialState.RUNNING and self._watch.is_dead(self.lease(t.number))
            ]
            left.sort(key=lambda trial: trial.user_attrs.get(BAD_ENDS, 0))
            waiting = [trial.number for trial in trials if trial.state is TrialState.WAITING]
            if waiting and (not left or BAD_ENDS in left[0].user_attrs):
                drawn = self._ask(waiting[0])
                return self._claimed(drawn.number, drawn.params, taken_up=False)
            return self._claimed(left[0].number, left[0].params, taken_up=True) if left else None

    def finish(self, claim: Claim, value: float | None, **told: Any) -> None:
        """Record a trial: its value, or None if it failed; unless somebody else has taken it up since.

        To a Bayesian sampler a failure is Optuna's "pruned", worse than all values: of "failed" it would learn nothing.
        """
        failed = TrialState.PRUNED if self.sweep.method == "bayes" else TrialState.FAIL
        with self.lock():
            lease, trial = self.lease(claim.number), self.trials()[claim.number]
            if not lease.is_held(claim.token) or trial.state.is_finished():
                return
            live = optuna.trial.Trial(self._study, trial._trial_id)
            for name, item in told.items():
                live.set_user_attr(name, item)
            self._study.tell(live, value, None if value is not None else failed)
            lease.release()

    def release(self, claim: Claim) -> None:
        """Give a trial back unfinished; whoever comes next goes on with it."""
        with self.lock():
            if self.lease(claim.number).is_held(claim.token):
                self.lease(claim.number).release()

    def note(self, claim: Claim, name: str, value: Any) -> None:
        """Keep something about a trial that is not finished."""
        identifier = self.trials()[claim.number]._trial_id
        optuna.trial.Trial(self._study, identifier).set_user_attr(name, value)

    def _claimed(self, number: int, params: dict[str, Any], *, taken_up: bool) -> Claim:
        parameters = self.sweep.parameters
        texts = {key: parameters[key].text(value) for key, value in params.items()}
        words = tuple(f"{key}={texts[key]}" for key in parameters)
        short = {
            key: f"{value:.3g}" if isinstance(value, float) else texts[key] for key, value in params.items()
        }
        varied = [short[key] for key, p in parameters.items() if len(p.choices) != 1]
        slug = "-".join(filter(None, (re.sub(r"[^A-Za-z0-9._]+", "_", text).strip("_") for text in varied)))
        name = f"{number:04d}-{slug[:60]}".rstrip("-")
        return Claim(number, words, name, self.lease(number).take(), taken_up)

    def _ask(self, number: int) -> optuna.Trial:
        """The first waiting trial, with a sampler whose draws belong to its number, whoever asks."""
        bayes = self.sweep.method == "bayes"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # much of what they are told is called experimental
            self._study.sampler = (self._sampler if bayes else optuna.samplers.RandomSampler)(seed=number)
            return self._study.ask(self._distributions)

    def _open(self) -> optuna.Study:
        storage = JournalStorage(JournalFileBackend(str(self.shared / "journal.log")))
        return optuna.create_study(
            storage=storage, study_name=self.sweep.name, direction=self.sweep.goal, load_if_exists=True
        )

    def _wanted(self, trials: int | None) -> int:
        if self.sweep.method == "grid":
            return min(
                trials or len(self._points), self.sweep.run_cap or len(self._points), len(self._points)
            )
        wanted = trials or self.sweep.run_cap
        if wanted is None:
            raise ConfigError(
                f"{self.sweep.path}: {self.sweep.method} never ends by itself; give --trials N, or run_cap in the file"
            )
        return wanted

    def _compare(self, settings: Sequence[str] | None) -> None:
        """Write down what the sweep is, or refuse to mix two; who only looks may have any settings."""
        sweep, path = self.sweep, self.shared / "sweep.json"
        parameters = {key: repr(parameter) for key, parameter in sweep.parameters.items()}
        mine = {
            "method": sweep.method, "metric": f"{sweep.goal} {sweep.metric}", "parameters": parameters,
            "command": sweep.words, "settings": dict(split_word(word) for word in settings or ()),
        }  # fmt: skip
        if not path.is_file():
            write_atomically(path, json.dumps(mine, indent=1) + "\n")
            return
        theirs = json.loads(path.read_text())
        changed = [name for name in mine if mine[name] != theirs.get(name)]
        if settings is None and "settings" in changed:
            changed.remove("settings")
        if changed:
            raise ConfigError(
                f"{self.folder} holds a sweep with other {' and '.join(changed)}; leave them as they were to go on,"
                " or begin anew with run.root=ELSEWHERE or another name in the file"
            )


def _grid(sweep: SweepFile) -> list[dict[str, Any]]:
    """All points, the last parameter changing fastest, as Optuna's values."""
    values = []
    for parameter in sweep.parameters.values():
        read = {"choice": str, "int": int, "float": float}[parameter.kind]
        values.append([read(text) for text in parameter.grid])
    return [dict(zip(sweep.parameters, point, strict=True)) for point in itertools.product(*values)]
