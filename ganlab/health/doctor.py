"""Judging a run line by line."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from ganlab.health.history import History, Line, Thresholds
from ganlab.health.rules import RULES


@dataclass
class Finding:
    """One stretch of the run in which a rule held.

    Attributes:
        rule: its name in `RULES`.
        sentence, remedy: what is the matter and what to try.
        first_images, last_images: the first and the last line at which it held.
    """

    rule: str
    sentence: str
    remedy: str
    first_images: int
    last_images: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Doctor:
    """Reads the lines of a run one after the other and keeps its findings.

    Attributes:
        budget: images of the whole run.
        bounded_slope: whether the objective's theory wants D's slope bounded.
        findings: oldest first.
        active: rules that held at the last line.
    """

    thresholds: Thresholds
    budget: int
    bounded_slope: bool
    findings: list[Finding] = field(default_factory=list)
    active: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._history = History(self.thresholds)

    def see(self, line: Line) -> bool:
        """Judge the run after one more line of losses; whether the active rules have changed."""
        images = line["images"]
        numbers = {name: value for name, value in line.items() if isinstance(value, int | float)}
        self._history.add(numbers, settled=images > self.thresholds.warmup * self.budget)
        holding = tuple(
            name for name, rule in RULES.items() if self._applies(name) and rule.holds(self._history)
        )
        for name in holding:
            if name in self.active:
                next(f for f in reversed(self.findings) if f.rule == name).last_images = images
            else:
                rule = RULES[name]
                self.findings.append(Finding(name, rule.sentence, rule.remedy, images, images))
        changed, self.active = holding != self.active, holding
        return changed

    def read(self, lines: Iterable[Line]) -> "Doctor":
        """See all lines of a log that tell of training; returns itself."""
        for line in lines:
            if "loss/d" in line:
                self.see(line)
        return self

    def _applies(self, name: str) -> bool:
        return name != "critic_not_lipschitz" or self.bounded_slope


def in_words(findings: list[dict[str, Any]]) -> list[str]:
    """Lines for people about the findings of a summary: that nothing was wrong with the game, or what was."""
    if not findings:
        return ["the doctor found nothing wrong with the game"]
    lines = []
    for rule in dict.fromkeys(found["rule"] for found in findings):
        same = [found for found in findings if found["rule"] == rule]
        spans = [f"{found['first_images']:,} to {found['last_images']:,}" for found in same]
        more = f" and {len(spans) - 1} times more" if len(spans) > 1 else ""
        lines.append(f"{rule}, {spans[0]} images{more}: {same[0]['sentence']}; try {same[0]['remedy']}")
    return lines
