"""One line of what `ganlab doctor` found."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

State = Literal["ok", "warning", "broken"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: of the thing.
        state: fine; a loss, or a surprise to come; or a run cannot work so.
        found: what is there.
        advice: what to do about it, where it is not fine.
    """

    name: str
    state: State
    found: str
    advice: str | None = None

    def __str__(self) -> str:
        return f"{self.state:<8} {self.name:<10} {self.found}" + (f"; {self.advice}" if self.advice else "")


def worst(findings: Iterable[Finding]) -> State:
    """The worst of the findings' states."""
    order = get_args(State)
    return order[max((order.index(finding.state) for finding in findings), default=0)]
