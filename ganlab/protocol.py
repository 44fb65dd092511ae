"""Which numbers may be compared: those that were measured in the same way."""

import json
from collections.abc import Mapping
from typing import Any

# What says which samples were measured, and what moves a number by no more than rounding; everything else in a
# protocol says how it was measured.
OF_ONE_NUMBER = frozenset(
    {
        "batch_size", "checkpoint_sha256", "generator", "images", "processes", "samples", "samples_sha256", "seed",
        "torch", "torch_fidelity",
    }
)  # fmt: skip
# What only whoever made the samples knows: where one side does not say, as of a folder of images, it sets none apart.
OF_THE_SAMPLER = frozenset({"batch_norm", "quantisation", "truncation", "weights_averaged"})


def how(protocol: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that two numbers must share to be ranked together."""
    return {name: value for name, value in protocol.items() if name not in OF_ONE_NUMBER}


def identity(protocol: Mapping[str, Any]) -> str:
    """One text for all protocols with the same fields whose numbers may be ranked together."""
    return json.dumps(how(protocol), sort_keys=True)


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Fields, sorted, that keep the numbers of two protocols apart; empty if they are comparable."""
    first, second = how(one), how(other)
    names = (first.keys() | second.keys()) - (OF_THE_SAMPLER - (first.keys() & second.keys()))
    absent = object()
    return sorted(name for name in names if first.get(name, absent) != second.get(name, absent))
