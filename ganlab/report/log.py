"""metrics.jsonl in columns: a tenth of the memory that its lines would take."""

from array import array
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganlab.report.untrusted import WHOLE, bounded, is_count, one_line
from ganlab.runs import RunFolder

_CLOCKS = ("images", "iteration", "seconds")


@dataclass(frozen=True)
class Column:
    """The numbers that stand under one name.

    Attributes:
        lines: (M,), the numbers of the lines that have it, from 0, rising.
        values: (M,), NaN and infinities as they were written, `bounded`.
    """

    lines: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Log:
    """What was logged, in the order of the lines.

    Attributes:
        images, iteration: (N,), of every line; iteration is 0 where the line does not say.
        columns: all other numbers by name.
    """

    images: np.ndarray
    iteration: np.ndarray
    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.images)

    def column(self, name: str) -> Column:
        """An empty one where nothing has this name."""
        return self.columns.get(name, Column(np.zeros(0, int), np.zeros(0)))


def read_log(folder: RunFolder) -> Log:
    """The log of a run as far as it can be read; what is no number, or is none of a run's clocks, is passed over."""
    images, iteration, tables = array("q"), array("q"), _Tables()
    with suppress(OSError):
        for line in folder.read_metrics():
            if is_count(line["images"]):
                tables.add(len(images), line)
                images.append(line["images"])
                iteration.append(line["iteration"] if is_count(line.get("iteration")) else 0)
    return Log(np.array(images, int), np.array(iteration, int), tables.columns())


class _Tables:
    """Lines with the same names, which are nearly all, go into one table."""

    def __init__(self) -> None:
        self._tables: dict[tuple[str, ...], tuple[array[int], array[float]]] = {}

    def add(self, number: int, line: Mapping[str, Any]) -> None:
        try:
            row = array("d", line.values())
        except (TypeError, OverflowError):  # text, null, or a whole number beyond all floats
            line = {name: value for name, value in line.items() if _is_number(value)}
            row = array("d", line.values())
        numbers, rows = self._tables.setdefault(tuple(line), (array("q"), array("d")))
        numbers.append(number)
        rows.extend(row)

    def columns(self) -> dict[str, Column]:
        pieces: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
        for names, (numbers, rows) in self._tables.items():
            table = np.array(rows).reshape(len(numbers), len(names)).T
            for name, values in zip(names, table, strict=True):
                pieces.setdefault(one_line(name), []).append((np.array(numbers, int), bounded(values)))
        return {name: _joined(own) for name, own in pieces.items() if name not in _CLOCKS}


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < WHOLE)


def _joined(pieces: Sequence[tuple[np.ndarray, np.ndarray]]) -> Column:
    numbers, values = (np.concatenate(part) for part in zip(*pieces, strict=True))
    order = numbers.argsort()
    return Column(numbers[order], values[order])
