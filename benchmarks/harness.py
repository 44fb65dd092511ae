"""Many runs on a few one-thread workers, what they measured, and tables of it in the documentation."""

import contextlib
import json
import math
import multiprocessing
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True)
class Job:
    """One run: its name, the words that make it, and what its row of the results begins with."""

    name: str
    words: tuple[str, ...]
    row: dict[str, Any]


def play(jobs: Sequence[Job], root: Path, *, workers: int) -> list[dict[str, Any]]:
    """Train every job that is not finished yet in its folder below `root`; their rows, in the jobs' order.

    Args:
        workers: processes of one thread each; 0 trains in this process.
    """
    total = len(jobs)
    if workers == 0:
        return [_announce(_train(job, root), i, total) for i, job in enumerate(jobs, start=1)]
    rows: dict[str, dict[str, Any]] = {}
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_one_thread) as pool:
        waiting = {pool.submit(_train, job, root): job for job in jobs}
        try:
            for number, done in enumerate(as_completed(waiting), start=1):
                rows[waiting[done].name] = _announce(done.result(), number, total)
        except BaseException:
            pool.shutdown(cancel_futures=True)  # those that train stop by themselves at Ctrl-C
            raise
    return [rows[job.name] for job in jobs]


def _announce(row: dict[str, Any], number: int, total: int) -> dict[str, Any]:
    said = row["reason"] or ", ".join(f"{k} {v:.4g}" for k, v in row["final"].items())
    print(f"[{number}/{total}] {row['name']} ({row['seconds']:.0f} s): {said}", file=sys.stderr, flush=True)
    return row


def _one_thread() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    torch.set_num_threads(1)


def _train(job: Job, root: Path) -> dict[str, Any]:
    """Train one job, or read what it measured before; a loss that is not finite is a result too."""
    import ganlab
    from ganlab.errors import TrainingError
    from ganlab.runs import RunFolder

    folder, reason = RunFolder(root / job.name), None
    record = folder.path / "benchmark.json"
    common = ["wandb.mode=disabled", "trainer=cpu", f"run.root={root}", f"run.name={job.name}"]
    if not record.is_file():
        started = time.perf_counter()
        try:
            with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
                run = ganlab.train(ganlab.compose([*common, *job.words]))
            if run.summary["state"] != "finished":
                raise KeyboardInterrupt
        except TrainingError as error:
            reason = str(error).split(";")[0]
        seconds = time.perf_counter() - started  # of the last stretch, where a run was resumed
        record.write_text(json.dumps({"reason": reason, "seconds": round(seconds, 1), "words": job.words}))
    kept = json.loads(record.read_text())
    if kept["words"] != list(job.words):
        raise SystemExit(f"{folder.path} was made with other settings; remove it, or choose another --runs")
    evaluations = [line for line in folder.read_metrics() if any(key.startswith("eval/") for key in line)]
    start = folder.starts[-1]
    return {
        "name": job.name, **job.row, "reason": kept["reason"], "seconds": kept["seconds"],
        "final": {} if kept["reason"] else folder.read_summary()["final"], "evaluations": evaluations,
        "commit": start["git_commit"], "machine": f"{start['cpus']} cores, torch {start['versions']['torch']}",
    }  # fmt: skip


def provenance(command: str, *, workers: int) -> dict[str, Any]:
    """Where results come from: the command, the commit, the machine, the versions."""
    import ganlab  # noqa: F401  before torch
    from ganlab.runs import git_commit

    return {
        "command": f"python -m benchmarks.{command} --workers {workers}",
        "commit": git_commit(),
        "hardware": f"{os.cpu_count()} cores of {_processor()}; {max(workers, 1)} workers of one thread",
        "versions": {name: metadata.version(name) for name in ("torch", "lightning", "torch-fidelity")},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.split(": ", 1)[1] for line in lines if line.startswith("model name")), platform.machine()
    )


def save(name: str, results: dict[str, Any], text: str, *, folder: Path = RESULTS) -> None:
    """Write ``NAME.json`` and, for people, ``NAME.md``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / f"{name}.md").write_text(text.rstrip() + "\n")


def fill(page: Path, marker: str, text: str) -> None:
    """Put text between the comments ``<!-- MARKER -->`` and ``<!-- /MARKER -->`` of a page."""
    before, opening, rest = page.read_text().partition(f"<!-- {marker} -->\n")
    _, closing, after = rest.partition(f"<!-- /{marker} -->")
    if not (opening and closing):
        raise SystemExit(f"{page} has no place for {marker}")
    page.write_text(before + opening + text.rstrip() + "\n" + closing + after)


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in [columns, ["---"] * len(columns), *rows]]
    return "\n".join(lines)


def source_note(results: dict[str, Any]) -> str:
    """One paragraph that says where a table comes from."""
    origin = results["provenance"]
    versions = ", ".join(f"{name} {version}" for name, version in origin["versions"].items())
    machines = Counter(row["machine"] for row in results["rows"])
    elsewhere = (
        "; ".join(f"{n} runs on {machine}" for machine, n in machines.items()) if len(machines) > 1 else ""
    )
    commits = sorted({row["commit"] for row in results["rows"] if row["commit"]}) or [origin["commit"]]
    runs = " and ".join(f"`{commit}`" for commit in commits)
    where = f" ({elsewhere})" if elsewhere else ""
    return f"`{origin['command']}`, runs made at commit {runs}; {origin['hardware']}; {versions}{where}."


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample standard deviation, which is NaN for a single value."""
    mean = sum(values) / len(values)
    if len(values) == 1:
        return mean, math.nan
    return mean, math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))


def spread(values: Sequence[float], digits: int = 1) -> str:
    """``mean ± standard deviation`` of the finite values, for a table."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return "–"
    mean, deviation = mean_and_deviation(finite)
    return f"{mean:.{digits}f}" + ("" if math.isnan(deviation) else f" ± {deviation:.{digits}f}")


def grouped(
    rows: Sequence[dict[str, Any]], *keys: str
) -> Iterator[tuple[tuple[Any, ...], list[dict[str, Any]]]]:
    """Rows by the values of some of their keys, in the order in which those first come."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    yield from groups.items()
