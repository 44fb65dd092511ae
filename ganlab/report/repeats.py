"""Copies of a run and reruns of it, which are shown once: together they tell no more than one of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from ganlab.protocol import identity
from ganlab.report.reading import RunRecord

SAID = "Runs of the same seed, configuration and data tell no more than one of them; each is shown once."

NAMED = 3  # of those that are left out, in a sentence

T = TypeVar("T")


def once(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """The runs to compare, each with those that it stands for: of one draw, budget and protocol the one that came furthest.

    Of those that came equally far it is one whose folder has the name that it was given.
    What failed or is damaged stays in sight: failed runs stand for each other alone, damaged ones for none.
    """
    alike: dict[object, list[RunRecord]] = {}
    for run in runs:
        protocol = identity(run.protocol) if run.protocol else None
        whole = run.draw if not run.problems else None
        key = whole or id(run), run.state.budget, protocol, run.state.name == "failed"
        alike.setdefault(key, []).append(run)
    best = {id(max(same, key=_finished)): same for same in alike.values()}
    return [
        replace(run, repeats=tuple(other for other in best[id(run)] if other is not run))
        for run in runs
        if id(run) in best
    ]


def _finished(run: RunRecord) -> tuple[bool, int, bool]:
    return run.state.name == "finished", run.state.images, run.path.name == run.config.get("run.name")


def independent(entries: Iterable[T], run_of: Callable[[T], RunRecord]) -> list[T]:
    """One entry of each draw, of the run that saw the most images, a whole one rather than a damaged one.

    So of a seed at two budgets, only the larger counts.
    """
    chosen: dict[object, T] = {}
    for entry in entries:
        key = run_of(entry).draw or id(run_of(entry))
        if key not in chosen or _longest(run_of(entry)) > _longest(run_of(chosen[key])):
            chosen[key] = entry
    return list(chosen.values())


def _longest(run: RunRecord) -> tuple[int, bool]:
    return run.state.images, not run.problems


def kind(repeat: RunRecord, of: RunRecord) -> str:
    """``copy``: of the same start, in another folder; ``rerun``: the same seed, configuration and data, trained once more."""
    return "copy" if repeat.start is None or repeat.start == of.start else "rerun"


def said(runs: Sequence[RunRecord]) -> list[str]:
    """A line for each run that stands for others: how many, and the first of them."""
    return [f"{run.name} stands for {_others(run)}" for run in runs if run.repeats]


def _others(run: RunRecord) -> str:
    first = [f"{other.where} ({kind(other, run)})" for other in run.repeats[:NAMED]]
    more = len(run.repeats) - len(first)
    return ", ".join(first) + (f" and {more} more" if more else "")
