"""``ganlab theory figure NAME``: the theory of GANs in pictures."""

import argparse
from pathlib import Path
from typing import Any

from ganlab.commands import Command, UsageError


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, metavar="PATH", help="PATH.png or PATH.pdf (default: NAME.png)")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    from ganlab import illustrations

    if arguments.settings:
        raise UsageError(f"theory takes no settings, got '{arguments.settings[0]}'")
    if not arguments.subjects or arguments.subjects[0] != "figure":
        raise UsageError("theory draws figures: ganlab theory figure NAME")
    if len(arguments.subjects) == 1:
        print(_list())
        return {"figures": illustrations.names()}
    name = arguments.subjects[1]
    out = arguments.out or Path(f"{name}.png")
    illustration = illustrations.get(name)
    if out.suffix.lower() not in illustrations.FORMATS:
        raise UsageError(f"--out must end in {' or '.join(illustrations.FORMATS)}, got '{out}'")
    illustrations.save(illustration.draw(), out)
    print(out)
    return {"figure": name, "out": str(out)}


def _list() -> str:
    from ganlab import illustrations

    rows = [f"  {name:<12} {illustrations.get(name).summary}" for name in illustrations.names()]
    return "\n".join(["figures:", *rows])


def examples(arguments: argparse.Namespace) -> str:
    return _list()


COMMAND = Command("draw the theory of GANs", "figure NAME", options, run, examples, subjects=2)
