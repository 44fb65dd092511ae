"""What ``ganlab`` can do: one file a command, each with a `COMMAND`, found by their names.

The files import at their top only what starts at once; torch, Hydra and the rest come inside the functions.
"""

import argparse
import importlib
import math
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Command:
    """One subcommand.

    Attributes:
        summary: its line in ``ganlab --help``.
        usage: the words it takes.
        options: adds its options to a parser.
        run: does it; returns the one object that ``--json`` prints.
        epilog: what ``--help`` adds, given the parsed words.
        subjects: how many words without ``=`` it takes at most; None: any number of paths, which may have ``=``
            in them, and no settings.
    """

    summary: str
    usage: str
    options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], dict[str, Any]]
    epilog: Callable[[argparse.Namespace], str] | None = None
    subjects: int | None = 1


class UsageError(Exception):
    """The words do not make a command: exit code 2."""


def count(text: str) -> int:
    """What an option that counts something takes: a whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got '{text}'")
    return int(text)


def names(text: str) -> list[str]:
    """What an option that chooses several takes: names with commas between them."""
    chosen = [name.strip() for name in text.split(",")]
    if not all(chosen):
        raise argparse.ArgumentTypeError(f"must be names with commas between them, got '{text}'")
    return chosen


def positive(text: str) -> float:
    """What an option that is a size takes: a number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0, got '{text}'")
    return value


def available() -> dict[str, Command]:
    """Every command by name, in alphabetical order."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    return {name.replace("_", "-"): importlib.import_module(f"{__name__}.{name}").COMMAND for name in names}
