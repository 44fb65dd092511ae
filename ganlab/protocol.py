"""Which numbers may be compared: those that were measured in the same way."""

import json
from collections.abc import Mapping
from typing import Any

# What says which samples were measured; everything else in a protocol says how.
OF_ONE_NUMBER = frozenset({"checkpoint_sha256", "images", "seed"})


def how(protocol: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that two numbers must share to be ranked together."""
    return {name: value for name, value in protocol.items() if name not in OF_ONE_NUMBER}


def identity(protocol: Mapping[str, Any]) -> str:
    """One text for all protocols whose numbers may be ranked together."""
    return json.dumps(how(protocol), sort_keys=True)


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Fields, sorted, that keep the numbers of two protocols apart; empty if they are comparable."""
    absent = object()
    first, second = how(one), how(other)
    return sorted(k for k in first.keys() | second.keys() if first.get(k, absent) != second.get(k, absent))
