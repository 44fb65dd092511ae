"""The comparison as text: one row a run for a spreadsheet, and Markdown for a paper, a wiki or a pull request."""

import csv
import io
import math
from collections.abc import Iterable, Sequence

from ganlab.health import in_words
from ganlab.protocol import FOREMOST, differences, fingerprint, how
from ganlab.report import repeats
from ganlab.report.comparison import Group, Pair, by_protocol, direction, group, keys_of, pairs, rankable
from ganlab.report.reading import RunRecord
from ganlab.report.settings import LOSS, SETTING, say, varying
from ganlab.report.statistics import LEAST, LEVEL, Mean

FRESH = ("metric", "last", "best", "images", "samples")
_ABOUT = (
    "path", "repeats", "state", "reason", "protocol", *FOREMOST, "seed", "images", "g_steps", "device_seconds", LOSS, SETTING,
)  # fmt: skip


def count(runs: Sequence[RunRecord]) -> str:
    """``1 run``, ``2 runs``."""
    return f"{len(runs)} run" + ("s" if len(runs) > 1 else "")


def csv_table(runs: Sequence[RunRecord]) -> str:
    """One row a run: state, cost, loss, every key that differs, final and best metrics, and how they were measured.

    A metric with the name of another column stands under ``metric:NAME``.
    """
    metrics = list(dict.fromkeys(name for run in runs for name in (*run.final, *run.best)))
    keys = [key for key in varying(runs) if key not in _ABOUT]
    taken = {
        *_ABOUT,
        *keys,
        *(f"{way}_{name}" for way, names in (("best", metrics), ("fresh", FRESH)) for name in names),
    }
    columns = {name: f"metric:{name}" if name in taken else name for name in metrics}
    out = io.StringIO()
    rows = csv.DictWriter(
        out,
        [
            *_ABOUT,
            *keys,
            *columns.values(),
            *(f"best_{name}" for name in metrics),
            *(f"fresh_{name}" for name in FRESH),
        ],
    )
    rows.writeheader()
    for lot in by_protocol(runs):
        for run, own in zip(lot, keys_of(lot), strict=True):
            protocol = run.protocol or {}
            rows.writerow({
                **{key: say(run.config[key]) for key in keys if key in run.config},
                **{columns[name]: value for name, value in run.final.items()},
                **{f"best_{name}": value for name, value in run.best.items()},
                **{f"fresh_{name}": value for name, value in run.fresh.items()},
                "path": run.where, "repeats": " ".join(other.where for other in run.repeats),
                "state": run.state.name, "reason": run.state.reason,
                "protocol": fingerprint(protocol) if protocol else "",
                **{name: say(protocol[name]) for name in FOREMOST if name in protocol},
                "seed": run.seed, "images": run.state.images, "g_steps": run.last[0], "device_seconds": run.last[1],
                LOSS: own[LOSS], SETTING: own[SETTING],
            })  # fmt: skip
    return out.getvalue()


def markdown(runs: Sequence[RunRecord], *, by: str, metric: str | None) -> str:
    """A ranking for each protocol, pairs of groups, runs that failed, and the protocols."""
    lots = by_protocol(runs)
    parts = [f"# Comparison of {count(runs)}"]
    for number, lot in enumerate(lots, start=1):
        ranked = rankable(lot)
        if not lot[0].protocol:
            parts += ["## Runs without a measured number", _bullets(run.name for run in lot)]
        elif ranked:
            own = metric if metric in ranked else next(iter(ranked))
            parts += [f"## Protocol {number}: {own} by {by}", *_ranking(lot, by, own, list(ranked))]
    if chosen := [run for run in runs if run.fresh]:
        rows = [[run.name, *(say(run.fresh[name]) for name in FRESH)] for run in chosen]
        parts += ["## Last and best checkpoint, on fresh samples", _table(["run", *FRESH], rows)]
    if alike := repeats.said(runs):
        parts += ["## Copies and reruns", repeats.SAID, _bullets(alike)]
    if failed := [run for run in runs if run.state.name in ("failed", "stale", "unknown") or run.problems]:
        parts += ["## Failed, stale and damaged runs", _bullets(map(_trouble, failed))]
    if ill := [
        f"{run.name}: {said}" for run in runs if run.findings for said in in_words(list(run.findings))
    ]:
        parts += ["## Health of the game", _bullets(ill)]
    if measured := [lot for lot in lots if lot[0].protocol]:
        parts += ["## Protocols", *_protocols(measured)]
    return "\n\n".join(parts) + "\n"


def _ranking(lot: Sequence[RunRecord], by: str, metric: str, metrics: Sequence[str]) -> list[str]:
    groups = group(lot, by=by, metric=metric)
    others = [name for name in metrics if name != metric]
    columns = [{g.name: g for g in group(lot, by=by, metric=name)} for name in others]
    rows = [
        [str(rank) if g.mean else "–", g.name, f"{len(g.values)} of {len(g.runs)}", _mean(g.mean), *_cost(g),
         *(_mean(column[g.name].mean) for column in columns)]
        for rank, g in enumerate(groups, start=1)
    ]  # fmt: skip
    better = "higher" if direction(metric, lot) == "max" else "lower"
    said = (
        f"Final values of finished runs, mean ± half the {LEVEL:.0%} t interval over seeds"
        f" (none below {LEAST}, nor where all values are the same); {better} {metric} is better."
    )
    found = [said, _table(["#", by, "n", metric, "images", "G steps", "device-s", *others], rows)]
    if mixed := [g.name for g in groups if g.mixes]:
        found.append(
            f"Differ in more than the seed, so that intervals cover more than its noise: {', '.join(mixed)}."
        )
    if again := [run.name for g in groups for run in g.again]:
        found.append(
            f"The same seed, configuration and data count once in a group, at the largest budget; not counted again: {', '.join(again)}."
        )
    if len({run.state.budget for g in groups for run, _ in g.values}) > 1:
        found.append("The runs were trained for unlike budgets.")
    return [*found, *_pairs(pairs(groups), metric)]


def _cost(group: Group) -> list[str]:
    """Images shown to D, G steps and device-seconds behind a mean, on average."""
    spent = [(run.state.images, *run.last) for run, _ in group.values]
    return [
        _average([value for value in clock if value is not None]) for clock in zip(*spent, strict=True)
    ] or ["–"] * 3


def _average(values: Sequence[float]) -> str:
    return f"{float(f'{sum(values) / len(values):.3g}'):,.12g}" if values else "–"


def _pairs(found: Sequence[Pair], metric: str) -> list[str]:
    if not found:
        return []
    judged = sum(pair.p is not None for pair in found)
    rows = [
        [pair.first.name, pair.second.name, _mean(Mean(pair.difference.value, pair.difference.half, 0)),
         " and ".join(map(str, pair.difference.n)), pair.difference.test or "none",
         "–" if pair.p is None else f"{pair.p:.3g}", _verdict(pair)]
        for pair in found
    ]  # fmt: skip
    head = ["first", "second", f"difference in {metric}", "n", "t test", "p", "more than seed noise"]
    many = f"p values of {judged} pairs, Holm-corrected over all of them:"
    return [many if judged != 1 else "The p value of one pair:", _table(head, rows)]


def _verdict(pair: Pair) -> str:
    if pair.verdict is None:
        return (
            f"no verdict: fewer than {LEAST} seeds"
            if min(pair.difference.n) < LEAST
            else "no verdict: no spread"
        )
    return "yes" if pair.verdict else "not told apart"


def _protocols(lots: Sequence[Sequence[RunRecord]]) -> list[str]:
    protocols = [lot[0].protocol or {} for lot in lots]
    names = dict.fromkeys(name for protocol in protocols for name in how(protocol))
    rows = [[name, *(say(protocol.get(name, "–")) for protocol in protocols)] for name in names]
    found = [_table(["", *(f"protocol {i}" for i in range(1, len(lots) + 1))], rows)]
    if apart := sorted({name for other in protocols[1:] for name in differences(protocols[0], other)}):
        found.insert(0, f"They differ in {', '.join(apart)}; their numbers are not ranked together.")
    return found


def _trouble(run: RunRecord) -> str:
    return f"{run.name} ({run.state.name}): " + (
        "; ".join(filter(None, [run.state.reason, *run.problems])) or "–"
    )


def _mean(mean: Mean | None) -> str:
    if mean is None:
        return "–"
    return f"{mean.value:.4g}" if mean.half is None else with_half(mean.value, mean.half)


def with_half(value: float, half: float) -> str:
    """A value and half its interval (> 0) with the same places, two digits of the half at least."""
    places = max(0, 1 - math.floor(math.log10(half)))
    if places > 6 or abs(value) >= 1e6:
        return f"{value:.4g} ± {half:.2g}"
    return f"{value:.{places}f} ± {half:.{places}f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_plain, line)) + " |" for line in lines)


def _bullets(items: Iterable[str]) -> str:
    return "\n".join(f"- {_plain(item)}" for item in items)


def _plain(text: str) -> str:
    """Text that Markdown and HTML take for nothing but text."""
    escaped = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
    return "".join(f"\\{c}" if c in "*_`[]" else c for c in escaped)
