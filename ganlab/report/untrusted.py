"""The border to a run's files, which anybody may have damaged or written by hand: only plain, bounded values come across.

Whole numbers have a place in a float, floats are far enough from the largest and the smallest for their squares,
quotients and sums to be numbers, text can be printed and written as UTF-8, and nothing nests deeper than a configuration may.
"""

import json
import math
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ganlab.config import bounded_yaml

WHOLE = 2**53  # beyond it, a float has no place for every whole number; no run counts so far
_HUGE, _TINY = 1e100, 1e-100  # float32 ends at 3e38
_CHARACTERS = 10_000  # of one text
_BYTES = 64_000_000  # of one file; environment.json grows by 1 kB with every start
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def parsed(path: Path, parse: Callable[[str], Any]) -> tuple[Any, str | None]:
    """The `plain` value of a file, or None and one clause that says why there is none."""
    try:
        if path.exists() and not path.is_file():
            return None, f"{path.name} is not a file"
        if path.stat().st_size > _BYTES:
            return None, f"{path.name} is damaged: it has more than {_BYTES // 10**6} MB"
        return plain(parse(path.read_text(encoding="utf-8"))), None
    except FileNotFoundError:
        return None, f"no {path.name}"
    except OSError as error:
        return None, f"{path.name} cannot be read: {error.strerror}"
    except RecursionError:
        return None, f"{path.name} is damaged: {_TOO_DEEP}"
    except (ValueError, yaml.YAMLError) as error:
        return None, f"{path.name} is damaged: {_reason(error)}"


_TOO_DEEP = f"it nests more than {bounded_yaml.DEPTH} levels deep"


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start + 1} is not UTF-8"
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno}, column {error.colno}: {error.msg}"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}: {error.problem}"
    return text(" ".join(str(error).split())[:200])


def plain(value: Any, depth: int = 0) -> Any:
    """None, truth values, numbers as `number` and `WHOLE` have it, text, lists, and mappings with text for keys.

    Raises:
        ValueError: it nests too deeply.
    """
    if depth > bounded_yaml.DEPTH:
        raise ValueError(_TOO_DEEP)
    match value:
        case None | bool():
            return value
        case int():
            return value if abs(value) < WHOLE else _large(value)
        case float():
            return number(value)
        case str():
            return text(value)
        case bytes():
            return text(value.decode(errors="replace"))
        case date():
            return value.isoformat()
        case dict():
            return {one_line(plain(key, depth + 1)): plain(item, depth + 1) for key, item in value.items()}
        case list() | tuple() | set():
            return [plain(item, depth + 1) for item in value]
    raise ValueError(f"it holds a {type(value).__name__}")


def _large(value: int) -> str | float:
    """A seed of 64 bits keeps all its digits."""
    if abs(value) < _HUGE:
        return str(value)
    return math.inf if value > 0 else -math.inf


def text(value: str) -> str:
    """Text that every terminal, file and page takes, of bounded length."""
    shown = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", value.replace("\r\n", "\n"))
    return shown if len(shown) <= _CHARACTERS else shown[: _CHARACTERS - 1] + "…"


def one_line(key: Any) -> str:
    """A key or a metric, on one line."""
    return " ".join(text(str(key)).split())


def number(value: float) -> float:
    """NaN as it is; what is huge is infinite and what is tiny is nothing."""
    return float(bounded(np.array([value]))[0])


def bounded(values: np.ndarray) -> np.ndarray:
    """The same as `number`, of many (N,)."""
    size = np.abs(values)
    return np.where(size > _HUGE, np.copysign(np.inf, values), np.where(size < _TINY, 0.0, values))


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_count(value: Any) -> bool:
    """A number of things, from 0."""
    return type(value) is int and 0 <= value < WHOLE


def is_finite(value: Any) -> bool:
    """Whether a plain value holds no NaN and no infinity."""
    if isinstance(value, float):
        return math.isfinite(value)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return all(map(is_finite, inner))
