"""What a run will find on this machine, and what to do about what is missing."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from omegaconf import DictConfig

from ganlab.doctor import folders, hardware, inputs, slurm, software
from ganlab.doctor.finding import Finding, worst

__all__ = ["Finding", "as_json", "examine", "worst"]

Check = Callable[[DictConfig], Iterator[Finding]]
# In this order: without torch, most of the rest cannot be asked.
CHECKS: tuple[Check, ...] = (
    software.versions, hardware.devices, hardware.processes, hardware.communication, hardware.precisions, slurm.allocation,
    inputs.tracking, inputs.weights, inputs.data, folders.places,
)  # fmt: skip


def examine(cfg: DictConfig) -> Iterator[Finding]:
    """Look at everything that a run of this configuration depends on, one finding after another.

    A check that fails in an unforeseen way is a finding too.
    """
    for check in CHECKS:
        try:
            yield from check(cfg)
        except Exception as error:  # a doctor does not die of the patient's illness
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            name = check.__name__
            yield Finding(
                name, "broken", reason[:300], "a check of ganlab's own has failed: report this line"
            )


def as_json(findings: list[Finding]) -> dict[str, Any]:
    """``state`` is the worst of all findings'."""
    return {"state": worst(findings), "findings": [asdict(finding) for finding in findings]}
