"""Sharing trials: each once, none lost, whoever dies."""

import json
import math
import multiprocessing
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from ganlab.errors import ConfigError
from ganlab.runs import process, write_atomically
from ganlab.sweep.file import SweepFile, read_sweep
from ganlab.sweep.lease import Lease, Watch
from ganlab.sweep.ranking import rows, table
from ganlab.sweep.study import BAD_ENDS, Study
from ganlab.sweep.worker import Worker

PROTOCOL = {"extractor": "digits", "n_fake": 40}
Sweep = Callable[..., SweepFile]


def test_a_grid_is_every_point_once(sweep: Sweep, tmp_path: Path) -> None:
    study = Study(tmp_path / "s", sweep(), [])
    claims = [study.claim() for _ in range(6)]
    assert [claim.words for claim in claims if claim] == [
        (f"objective={o}", f"seed={s}") for o in ("hinge", "minimax") for s in (3, 4, 5)
    ]
    assert claims[1] is not None
    assert claims[1].name == "0001-hinge-4"
    assert study.claim() is None
    assert not study.over
    for number, claim in enumerate(claims):
        assert claim is not None
        study.finish(claim, 10.0 - number, run=claim.name, reason=None, protocol=PROTOCOL)
    assert study.over
    best = [row["run"] for row in sorted(rows(study), key=lambda row: row["value"])]
    assert best[0] == str(tmp_path / "s" / "0005-minimax-5")


def test_a_sweep_goes_on_where_it_was_and_grows(sweep: Sweep, tmp_path: Path) -> None:
    random = {"method": "random", "parameters": {"seed": {"min": 0, "max": 10**6}}}
    study = Study(tmp_path / "s", sweep(**random), [], trials=2)
    first = study.claim()
    assert first is not None
    study.finish(first, 1.0, run=first.name, reason=None, protocol=PROTOCOL)
    again = Study(tmp_path / "s", sweep(**random), [], trials=4)
    rest = [again.claim() for _ in range(4)]
    assert [claim.number for claim in rest if claim] == [1, 2, 3]
    elsewhere = Study(tmp_path / "t", sweep(**random), [], trials=4)
    redrawn = [elsewhere.claim() for _ in range(4)]
    assert [c.words for c in redrawn if c] == [
        first.words,
        *(c.words for c in rest if c),
    ]  # whoever asks, and when


def test_two_sweeps_are_not_mixed(sweep: Sweep, tmp_path: Path) -> None:
    Study(tmp_path / "s", sweep(), ["budget.images=5"])
    with pytest.raises(ConfigError, match="holds a sweep with other settings; leave them"):
        Study(tmp_path / "s", sweep(), [])
    with pytest.raises(ConfigError, match="holds a sweep with other parameters and settings"):
        Study(tmp_path / "s", sweep(parameters={"seed": {"values": [1]}}), [])


def test_random_and_bayes_need_a_number(sweep: Sweep, tmp_path: Path) -> None:
    for method in ("random", "bayes"):
        with pytest.raises(ConfigError, match=f"{method} never ends by itself; give --trials N, or run_cap"):
            Study(tmp_path / "s", sweep(method=method), [])
    assert len(Study(tmp_path / "s", sweep(method="random", run_cap=3), []).trials()) == 3


@pytest.mark.parametrize("sampler", ["tpe", "gp"])
def test_bayes_finds_the_valley(sweep: Sweep, tmp_path: Path, sampler: str) -> None:
    """log10 lr to -3: after 10 draws at random the next 20 are closer to it than they would be by chance."""
    parameters = {"a": {"distribution": "log_uniform_values", "min": 1e-6, "max": 1.0}}
    study = Study(
        tmp_path / "s", sweep(method="bayes", parameters=parameters, run_cap=30), [], sampler=sampler
    )
    distances = []
    for _ in range(30):
        claim = study.claim()
        assert claim is not None
        value = float(claim.words[0].partition("=")[2])
        distances.append(abs(math.log10(value) + 3))
        study.finish(claim, distances[-1], run=claim.name, reason=None, protocol=PROTOCOL)
    assert sum(distances[10:]) / 20 < 1.0  # by chance 1.5 ± 0.2


def test_bayes_learns_where_trials_fail(sweep: Sweep, tmp_path: Path) -> None:
    """Beyond 1e-3, a hair above the best value, every trial diverges; by chance half of them would."""
    parameters = {"a": {"distribution": "log_uniform_values", "min": 1e-6, "max": 1.0}}
    sweep_ = sweep(method="bayes", parameters=parameters, run_cap=24)
    study = Study(tmp_path / "s", sweep_, [])
    failed = []
    for _ in range(24):
        claim = study.claim()
        assert claim is not None
        value = math.log10(float(claim.words[0].partition("=")[2]))
        failed.append(value > -3)
        told = {"run": claim.name, "protocol": PROTOCOL, "reason": "diverged" if failed[-1] else None}
        study.finish(claim, None if failed[-1] else abs(value + 3.5), **told)
    assert study.over
    assert [row["state"] == "failed" for row in rows(study)] == failed
    assert sum(failed[10:]) <= 4


def test_a_sweep_is_looked_at_with_any_settings(sweep: Sweep, tmp_path: Path) -> None:
    random = {"method": "random", "parameters": {"seed": {"min": 0, "max": 10**6}}}
    Study(tmp_path / "s", sweep(**random), ["budget.images=5", "log.every=5"], trials=2)
    assert len(Study(tmp_path / "s", sweep(**random), None).trials()) == 2
    same = Study(tmp_path / "s", sweep(**random), ["log.every=5", "budget.images=5"], trials=3)
    assert len(same.trials()) == 3
    with pytest.raises(ConfigError, match="holds a sweep with other method and parameters"):
        Study(tmp_path / "s", sweep(), None)


def test_a_trial_that_ended_badly_is_handed_out_last(sweep: Sweep, tmp_path: Path) -> None:
    study = Study(tmp_path / "s", sweep(), [])
    bad, left = study.claim(), study.claim()
    assert bad is not None
    assert left is not None
    study.note(bad, BAD_ENDS, 1)
    study.release(bad)
    study.release(left)
    assert [claim.number for _ in range(7) if (claim := study.claim())] == [1, 2, 3, 4, 5, 0]


def test_a_worker_whose_trial_is_taken_up_by_another_goes_on(sweep: Sweep, tmp_path: Path) -> None:
    said: list[str] = []
    study = Study(tmp_path / "s", sweep(), [])
    worker = Worker(study, sweep(), [], [], say=said.append)
    claim = study.claim()
    assert claim is not None
    other = json.dumps({"token": "another", "process": process(os.getpid())})
    write_atomically(study.lease(claim.number).path, other)
    worker._work_at(claim)
    assert said == [f"[1/6] {claim.name}: another worker has taken it up"]
    assert not worker.stopping
    assert study.lease(claim.number).path.read_text() == other
    assert not study.trials()[0].state.is_finished()


def test_what_the_dead_leave_is_taken_up(sweep: Sweep, tmp_path: Path) -> None:
    study = Study(tmp_path / "s", sweep(), [])
    first = study.claim()
    assert first is not None
    dead = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    named = process(dead.pid)
    write_atomically(study.lease(0).path, json.dumps({"token": first.token, "process": named}))
    second = study.claim()
    assert second is not None
    assert second.number == 1  # its process lives
    dead.communicate()
    again = study.claim()
    assert again is not None
    assert (again.number, again.taken_up, again.words, again.name) == (0, True, first.words, first.name)
    study.finish(first, 1.0, run=first.name)  # the one who was taken for dead comes too late
    assert not study.trials()[0].state.is_finished()
    study.finish(again, 2.0, run=first.name)
    assert study.trials()[0].value == 2.0


def test_silence_is_death_only_when_it_lasts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lease, now = Lease(tmp_path / "0000.lease"), [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    watch = Watch(dead_after=60)
    assert watch.is_dead(lease)  # nobody has it
    write_atomically(lease.path, '{"token": "t", "process": {"pid": 1, "boot": "another machine"}}')
    os.utime(lease.path, (5, 5))  # its clock may say anything
    assert not watch.is_dead(lease)
    now[0] += 59
    assert not watch.is_dead(lease)
    lease.beat()
    now[0] += 59
    assert not watch.is_dead(lease)
    now[0] += 61
    assert watch.is_dead(lease)


def claim_all(path: Path, folder: Path, queue: "multiprocessing.Queue[int]") -> None:
    study = Study(folder, read_sweep(path), [])
    while (claim := study.claim()) is not None:
        study.finish(claim, 1.0, run=claim.name)
        queue.put(claim.number)
    queue.put(-1)


def test_four_processes_claim_every_trial_once(sweep_file: Callable[..., Path], tmp_path: Path) -> None:
    path = sweep_file(parameters={"seed": {"values": list(range(24))}})
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    workers = [context.Process(target=claim_all, args=(path, tmp_path / "s", queue)) for _ in range(4)]
    for worker in workers:
        worker.start()
    claimed: Counter[int] = Counter()
    while claimed[-1] < 4:
        claimed[queue.get(timeout=120)] += 1
    for worker in workers:
        worker.join()
    assert claimed == {-1: 4, **dict.fromkeys(range(24), 1)}


def test_unlike_protocols_are_never_ranked_together(sweep: Sweep, tmp_path: Path) -> None:
    study = Study(tmp_path / "s", sweep(), [])
    values = [(3.0, 40), (1.0, 40), (2.0, 5000), (4.0, 5000), (None, 0)]
    for value, n_fake in values:
        claim = study.claim()
        assert claim is not None
        reason = None if value else "the discriminator's loss became nan by iteration 3"
        study.finish(
            claim, value, run=claim.name, reason=reason, protocol={"n_fake": n_fake, "images": claim.number}
        )
    assert table(study).splitlines() == [
        "best/fid_digits, minimized (protocol 1 of 2; never ranked together), one run each:",
        f"  1          {tmp_path}/s/0001-hinge-4",
        f"  3          {tmp_path}/s/0000-hinge-3",
        "best/fid_digits, minimized (protocol 2 of 2; never ranked together), one run each:",
        f"  2          {tmp_path}/s/0002-hinge-5",
        f"  4          {tmp_path}/s/0003-minimax-3",
        "failed:",
        f"  {tmp_path}/s/0004-minimax-4: the discriminator's loss became nan by iteration 3",
        "1 of 6 trials are not finished",
    ]


def test_points_that_were_drawn_again_are_ranked_once(sweep: Sweep, tmp_path: Path) -> None:
    """The seed is the same for all, so that the same parameters are the same run; what came of it again is no second result."""
    values = {"objective": {"values": ["hinge", "minimax"]}}
    study = Study(tmp_path / "s", sweep(method="random", parameters=values, run_cap=6), [])
    runs: dict[str, list[str]] = {"hinge": [], "minimax": []}
    while claim := study.claim():
        loss = claim.words[0].partition("=")[2]
        runs[loss].append(claim.name)
        value = {"hinge": 7.0, "minimax": 9.0}[loss] + 0.01 * len(runs[loss])
        study.finish(claim, value, run=claim.name, protocol={"n_fake": 40})
    assert all(len(names) > 1 for names in runs.values())  # or another cap is wanted
    (hinge, *again), (minimax, *others) = runs.values()
    assert table(study).splitlines()[1:] == [
        f"  7.01       {tmp_path}/s/{hinge}  (the same parameters: {', '.join(again)})",
        f"  9.01       {tmp_path}/s/{minimax}  (the same parameters: {', '.join(others)})",
    ]
    assert len(rows(study)) == 6
