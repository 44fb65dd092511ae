"""Which numbers may be compared: those that were measured in the same way."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ganlab.errors import EvaluationError

# What says which samples were measured, and what moves a number by no more than rounding; everything else in a
# protocol says how it was measured.
OF_ONE_NUMBER = frozenset(
    {
        "batch_size", "checkpoint_sha256", "ganlab", "generator", "images", "pillow", "pot", "processes", "samples",
        "samples_sha256", "seed", "torch", "torch_fidelity", "torchvision",
    }
)  # fmt: skip
FOREMOST = ("extractor", "n_fake", "reference")  # what a person asks first of how a number was measured
# What only whoever made the samples knows: where one side does not say, as of a folder of images, it sets none apart.
OF_THE_SAMPLER = frozenset({"batch_norm", "quantisation", "truncation", "weights_averaged"})


def how(protocol: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that two numbers must share to be ranked together."""
    return {name: value for name, value in protocol.items() if name not in OF_ONE_NUMBER}


def _compared(protocol: Mapping[str, Any]) -> dict[str, Any]:
    """`how` without the name of a reference whose content is known: a copy of a folder is the same reference."""
    known = "reference_sha256" in protocol
    return {name: value for name, value in how(protocol).items() if not (known and name == "reference")}


def identity(protocol: Mapping[str, Any]) -> str:
    """One text for all protocols with the same fields whose numbers may be ranked together."""
    return json.dumps(_compared(protocol), sort_keys=True)


def fingerprint(protocol: Mapping[str, Any]) -> str:
    """A short name of `identity`, 12 hexadecimal digits, the same on every machine."""
    return hashlib.sha256(identity(protocol).encode()).hexdigest()[:12]


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Fields, sorted, that keep the numbers of two protocols apart; empty if they are comparable."""
    first, second = _compared(one), _compared(other)
    names = (first.keys() | second.keys()) - (OF_THE_SAMPLER - (first.keys() & second.keys()))
    absent = object()
    return sorted(name for name in names if first.get(name, absent) != second.get(name, absent))


_BETTER = {
    "fid": "min", "kid": "min", "is": "max", "precision": "max", "recall": "max", "density": "max", "coverage": "max",
    "modes": "max", "high_quality": "max", "reverse_kl": "min", "jsd": "min", "w1": "min", "class_distance": "min",
    "memorisation": "min", "certain_share": "max", "min_class_share": "max",
}  # fmt: skip


def better(metric: str) -> str | None:
    """Which way a metric is better, "min" or "max", whatever extractor it names; None where neither is."""
    return _BETTER.get(metric) or next(
        (
            way
            for name, way in _BETTER.items()
            if metric.startswith(f"{name}_") and not metric.startswith(f"{name}_std")
        ),
        None,
    )


def rank(results: Mapping[str, Mapping[str, Any]]) -> tuple[str, list[str]]:
    """The metric to rank by, the first that all results have, and the results' names, best first.

    Args:
        results: objects with ``metrics`` and ``protocol``, by name.

    Raises:
        EvaluationError: protocols differ, which is said of which field; or there is no metric to rank by.
    """
    (first, one), *others = results.items()
    for name, other in others:
        if fields := differences(one["protocol"], other["protocol"]):
            said = [
                f"{field} ({_told(one['protocol'], field)} and {_told(other['protocol'], field)})"
                for field in fields[:4]
            ]
            more = f" and {len(fields) - 4} more" if len(fields) > 4 else ""
            raise EvaluationError(
                f"{first} and {name} cannot be ranked, they differ in {', '.join(said)}{more}"
            )
    shared = [
        name for name in one["metrics"] if all(name in result["metrics"] for result in results.values())
    ]
    metric = next((name for name in shared if better(name)), None)
    if metric is None:
        raise EvaluationError(f"{', '.join(results)} share no metric to rank by")
    names = sorted(
        results, key=lambda name: results[name]["metrics"][metric], reverse=better(metric) == "max"
    )
    return metric, names


def _told(protocol: Mapping[str, Any], field: str) -> str:
    value = protocol.get(field, "not said")
    return value[:12] if isinstance(value, str) and field.endswith("sha256") else str(value)
