"""Runs of one protocol in groups: who is ahead, by how much, and whether that is more than the seeds' noise."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from ganlab.config.losses import loss_of
from ganlab.errors import GanlabError
from ganlab.protocol import better, identity
from ganlab.report.reading import RunRecord
from ganlab.report.repeats import independent
from ganlab.report.settings import LOSS, SETTING, say, setting_names
from ganlab.report.statistics import Difference, Mean, difference, holm, mean_over_seeds


def direction(metric: str, runs: Sequence[RunRecord]) -> str | None:
    """Which way a metric is better, ``min`` or ``max``; None if it is none to rank by.

    Those that ganlab measures are known by name; any other that has a best value, by where that lies.
    """
    if way := better(metric):
        return way
    for run in runs:
        gap = run.best.get(metric, math.nan) - run.final.get(metric, math.nan)
        if gap < 0 or gap > 0:
            return "min" if gap < 0 else "max"
    return None


@dataclass(frozen=True)
class Group:
    """Runs that share one value of the key they are grouped by.

    Attributes:
        runs: all of them, whatever their state.
        values: of the metric, of finished runs that have it; one of each draw, so that they are independent.
        again: finished runs whose draw another run stands for, of another budget.
        mean: over those, None if there is none.
        mixes: whether the runs differ in more than the seed.
    """

    name: str
    runs: tuple[RunRecord, ...]
    values: tuple[tuple[RunRecord, float], ...]
    again: tuple[RunRecord, ...]
    mean: Mean | None
    mixes: bool

    @property
    def by_seed(self) -> dict[Any, float]:
        """Values by seed; by run, which pairs with nothing, where a seed occurs twice or is not known."""
        seeds = [run.seed for run, _ in self.values]
        unique = None not in seeds and len(set(seeds)) == len(seeds)
        return {run.seed if unique else str(run.path): value for run, value in self.values}


@dataclass(frozen=True)
class Pair:
    """Two groups and their difference; `p` is Holm-corrected over all pairs that can be judged."""

    first: Group
    second: Group
    difference: Difference
    p: float | None

    @property
    def verdict(self) -> bool | None:
        """Whether it is more than seed noise at 5 % over all pairs; None: cannot be said."""
        return None if self.p is None else self.p < 0.05


def by_protocol(runs: Sequence[RunRecord]) -> list[tuple[RunRecord, ...]]:
    """Runs whose numbers compare, the largest lot first; those without a protocol last, never ranked."""
    lots: dict[str, list[RunRecord]] = {}
    for run in runs:
        lots.setdefault(identity(run.protocol) if run.protocol else "", []).append(run)
    return [tuple(lots[key]) for key in sorted(lots, key=lambda key: (key == "", -len(lots[key])))]


def rankable(runs: Sequence[RunRecord]) -> dict[str, str]:
    """Metrics of these runs to rank by and which way they are better; FID, IS and KID first."""
    names = dict.fromkeys(name for run in runs if run.protocol for name in (*run.final, *run.best))
    found = {name: way for name in names if (way := direction(name, runs))}
    first = ("kid", "is", "fid")
    return dict(
        sorted(
            found.items(),
            key=lambda item: -first.index(kind) if (kind := item[0].split("_")[0]) in first else 1,
        )
    )


def keys_of(runs: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """Everything that runs can be grouped by, run by run: setting, loss, and the keys of the configuration."""
    settings = setting_names(runs)
    return [
        {SETTING: setting, LOSS: loss_of(run.config), **run.config}
        for run, setting in zip(runs, settings, strict=True)
    ]


def group(runs: Sequence[RunRecord], *, by: str, metric: str) -> list[Group]:
    """The groups of comparable runs, best mean first, those without a mean last.

    Args:
        by: ``setting``, ``loss`` or a key of the configuration.
        metric: its final value is compared.
    """
    keys = keys_of(runs)
    members: dict[str, list[tuple[RunRecord, str]]] = {}
    for run, own in zip(runs, keys, strict=True):
        members.setdefault(say(own.get(by, "not set")), []).append((run, own[SETTING]))
    sign = 1 if direction(metric, runs) != "max" else -1
    groups = [_group(name, own, metric) for name, own in members.items()]
    return sorted(groups, key=lambda g: sign * g.mean.value if g.mean else math.inf)


def _group(name: str, members: Sequence[tuple[RunRecord, str]], metric: str) -> Group:
    finished = [
        (run, run.final[metric]) for run, _ in members
        if run.state.name == "finished" and math.isfinite(run.final.get(metric, math.nan))
    ]  # fmt: skip
    values = independent(finished, lambda entry: entry[0])
    return Group(
        name, tuple(run for run, _ in members), tuple(values),
        tuple(run for run, _ in finished if not any(run is counted for counted, _ in values)),
        mean_over_seeds([value for _, value in values]) if values else None,
        len({setting for _, setting in members}) > 1,
    )  # fmt: skip


def pairs(groups: Sequence[Group]) -> list[Pair]:
    """Every two groups that have values, with p corrected over all that have a p."""
    found = [
        (a, b, difference(a.by_seed, b.by_seed))
        for a, b in itertools.combinations([g for g in groups if g.values], 2)
    ]
    judged = [i for i, (_, _, gap) in enumerate(found) if gap.p is not None]
    corrected = dict(zip(judged, holm([found[i][2].p or 0.0 for i in judged]), strict=True))
    return [Pair(a, b, gap, corrected.get(i)) for i, (a, b, gap) in enumerate(found)]


def named_metric(runs: Sequence[RunRecord], *, by: str, metric: str | None) -> str | None:
    """The full name of the metric that is meant, ``fid`` for ``fid_digits`` if that is the only one.

    Raises:
        GanlabError: the runs have no such metric, or no such key to group by.
    """
    known = [SETTING, LOSS, *sorted({key for run in runs for key in run.config})]
    if by not in known:
        near = get_close_matches(by, known, n=3, cutoff=0.7)
        hint = (
            f"did you mean {' or '.join(near)}?" if near else "group by setting, loss or a key of config.yaml"
        )
        raise GanlabError(f"no run has the key '{by}'; {hint}")
    names = rankable(runs)
    meant = [name for name in names if name == metric] or [n for n in names if n.startswith(f"{metric}_")]
    if metric is not None and len(meant) != 1:
        raise GanlabError(f"no metric '{metric}' to rank by; there is {', '.join(names) or 'none'}")
    return meant[0] if metric is not None else None
