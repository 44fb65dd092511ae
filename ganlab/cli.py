"""The command line: parse words, call the command, turn its errors into one sentence.

Words with ``=`` are settings, the first other word is the subject (a run, a checkpoint).
"""

import argparse
import atexit
import contextlib
import json
import os
import select
import sys
import traceback
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

from ganlab import launch
from ganlab.commands import Command, UsageError, available
from ganlab.errors import ConfigError, GanlabError, OtherRankError
from ganlab.interruption import expect_no_requeue, expect_requeue


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def _top_help() -> str:
    rows = [f"  {name:<16} {command.summary}" for name, command in available().items()]
    return "\n".join(
        [
            "usage: ganlab COMMAND [SUBJECT] [key=value ...] [options]",
            "",
            "Train, compare and report GANs.",
            "",
            "commands:",
            *rows,
            "",
            "ganlab COMMAND --help explains one; ganlab --version prints the version.",
        ]
    )


def _parse(name: str, command: Command, words: Sequence[str]) -> tuple[argparse.Namespace, str]:
    """The arguments of a command and its help."""
    parser = _Parser(
        usage=f"ganlab {name} {command.usage} [options]",
        description=command.summary,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("-h", "--help", action="store_true", help="print this")
    parser.add_argument(
        "--config-dir",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help="a folder of your own YAML",
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object on stdout, all else on stderr"
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    command.options(parser)
    arguments = parser.parse_intermixed_args(words)
    any_word = command.subjects is None
    arguments.settings = [word for word in arguments.words if "=" in word and not any_word]
    subjects = [word for word in arguments.words if "=" not in word or any_word]
    if command.subjects is not None and len(subjects) > command.subjects:
        most = "one subject" if command.subjects == 1 else f"{command.subjects} words"
        got = " and ".join(f"'{subject}'" for subject in subjects)
        raise UsageError(f"{most} at most, got {got}; settings are key=value")
    arguments.subject, arguments.subjects = subjects[0] if subjects else None, subjects
    if arguments.help and command.epilog:
        parser.epilog = command.epilog(arguments)
    return arguments, parser.format_help() if arguments.help else ""


def _dispatch(words: Sequence[str]) -> int:
    for word in words:
        if any("\ud800" <= character <= "\udfff" for character in word):
            raise UsageError(f"{word!a} is not text in UTF-8; rename what it names")
    if not words or words[0] in ("-h", "--help", "help"):
        print(_top_help(), file=sys.stdout if words else sys.stderr)
        return 0 if words else 2
    if words[0] == "--version":
        from importlib.metadata import version

        print(f"ganlab {version('ganlab')}")
        return 0
    commands = available()
    if words[0] not in commands:
        near = get_close_matches(words[0], commands, n=1)
        hint = f"did you mean {near[0]}?" if near else f"commands: {', '.join(commands)}"
        raise UsageError(f"there is no command '{words[0]}'; {hint}")
    arguments, text = _parse(words[0], commands[words[0]], words[1:])
    if text:
        print(text, end="")
        return 0
    # A user's classes are found where the command runs and in the folders of their YAML; at the end of the
    # path, so that a file random.py there hides nothing.
    places = [str(Path(folder).absolute()) for folder in ("", *arguments.config_dir)]
    sys.path += [place for place in places if place not in sys.path]
    with contextlib.redirect_stdout(sys.stderr) if arguments.json else contextlib.nullcontext():
        result = commands[words[0]].run(arguments)
    if arguments.json and launch.rank() == 0:
        print(json.dumps(result))
    # A job that waits for the run must see that it is not done.
    return {"preempted": 130, "broken": 1}.get(str(result.get("state")), 0)


def _complain(text: str) -> None:
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    rank = launch.rank()
    print((f"ganlab, rank {rank}: " if rank else "ganlab: ") + "\n".join(lines[:4]), file=sys.stderr)


def _reader_has_left() -> bool:
    """Whether it is our own stdout that broke, as before ``| head``; if so, nothing more goes there."""
    stdout = sys.stdout.fileno()
    state = select.poll()
    state.register(stdout, 0)
    if not any(event & select.POLLERR for _, event in state.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), stdout)  # the interpreter flushes once more on its way out
    return True


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 1 for an error, 2 for wrong usage, 130 for Ctrl-C."""
    words = sys.argv[1:] if words is None else list(words)
    if launch.launcher() == "slurm":
        expect_requeue()
        atexit.register(expect_no_requeue)
    try:
        code = _dispatch(words)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        _complain("interrupted")
        return 130
    except OtherRankError:
        return 1
    except UsageError as error:
        known = f" {words[0]}" if words and words[0] in available() else ""
        _complain(f"{error} (see ganlab{known} --help)")
        return 2
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _reader_has_left():
            return 141
        if "--debug" in words:
            traceback.print_exc()
        elif isinstance(error, ConfigError) and launch.rank():
            pass  # rank 0 has read the same words and says so
        elif isinstance(error, GanlabError):
            _complain("\n".join([str(error), *getattr(error, "__notes__", [])]))
        else:
            text = " ".join(str(error).split())
            _complain(f"{type(error).__name__}: {text[:500]}\n--debug shows the traceback")
        return 1
