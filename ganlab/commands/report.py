"""``ganlab report``: one page, or tables, that compare many runs."""

import argparse
from pathlib import Path
from typing import Any

from ganlab.commands import Command, UsageError


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, metavar="PAGE.html", help="the page (default: report.html)")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="a table with one row a run")
    parser.add_argument("--md", type=Path, metavar="FILE", help="rankings and tests as Markdown")
    parser.add_argument(
        "--by", default="setting", metavar="KEY", help="group by setting, loss or a key of the configuration"
    )
    parser.add_argument("--metric", metavar="NAME", help="rank by this metric (default: FID if there is one)")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    if not arguments.subjects:
        raise UsageError("report needs runs, or folders with runs: ganlab report runs")
    from ganlab.report.comparison import named_metric
    from ganlab.report.finding import find_runs
    from ganlab.report.page import page
    from ganlab.report.payload import payload
    from ganlab.report.reading import read_runs
    from ganlab.report.repeats import once, said
    from ganlab.report.tables import count, csv_table, markdown
    from ganlab.runs import write_atomically

    runs = once(read_runs(find_runs(arguments.subjects)))
    view = {"by": arguments.by, "metric": named_metric(runs, by=arguments.by, metric=arguments.metric)}
    out = arguments.out
    if out is None and not (arguments.csv or arguments.md):
        out = Path("report.html")
    texts = {
        out: lambda: page(payload(runs, **view)),
        arguments.csv: lambda: csv_table(runs),
        arguments.md: lambda: markdown(runs, **view),
    }
    written = [path for path in texts if path]
    for path in written:
        write_atomically(path, texts[path]())
        print(f"{count(runs)}: {path}")
    for line in said(runs):
        print(f"  {line}")
    left_out = [other.where for run in runs for other in run.repeats]
    return {"runs": len(runs), "left_out": left_out, "written": [str(path) for path in written]}


def examples(arguments: argparse.Namespace) -> str:
    return "\n".join(
        [
            "  ganlab report runs",
            "  ganlab report runs/sweep-a runs/sweep-b --out losses.html --by loss --metric is",
            "  ganlab report runs --csv runs.csv --md ranking.md",
            "",
            "The page needs no network. Numbers of unlike protocols are never ranked together.",
        ]
    )


COMMAND = Command("compare runs on one page", "RUNS ...", options, run, examples, subjects=None)
