"""YAML of a stranger, read only where it stays small: no aliases that multiply, contain themselves, or nest without end."""

from typing import Any

import yaml

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # PyYAML without its C part is the same, slower
    from yaml import SafeLoader as _Loader

CHARACTERS = 1_000_000  # of a text; a configuration of ganlab has about 5,000 ...
NODES = 10_000  # ... in some 300 values, keys and mappings; here every alias counts as what it stands for
DEPTH = 32  # of mappings and lists within each other; a configuration has 4


class UnboundedError(yaml.YAMLError):
    """YAML that is larger than any configuration; its text says in what."""


def load(text: str) -> Any:
    """The plain value of a YAML text.

    Raises:
        yaml.YAMLError: it is not YAML, or is an `UnboundedError`.
        ValueError: a value that YAML allows and Python does not have, such as the 30th of February.
    """
    check(text)
    return yaml.load(text, _Loader)


def check(text: str) -> None:
    """Raise `UnboundedError` where any loader would build too much of this text, another `yaml.YAMLError` where it is no YAML."""
    if len(text) > CHARACTERS:
        raise UnboundedError(f"it has more than {CHARACTERS:,} characters")
    whole: dict[str, tuple[int, int]] = {}  # by anchor: nodes, and how deep they go
    open_nodes: list[_Open] = [_Open(None)]
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            if len(open_nodes) > DEPTH:
                raise UnboundedError(f"it nests more than {DEPTH} levels deep")
            open_nodes.append(_Open(event.anchor))
        elif isinstance(event, yaml.CollectionEndEvent):
            done = open_nodes.pop()
            size = done.nodes + 1, done.depth + 1
            if done.anchor is not None:
                whole[done.anchor] = size
            open_nodes[-1].hold(size, below=len(open_nodes) - 1)
        elif isinstance(event, yaml.ScalarEvent):
            if event.anchor is not None:
                whole[event.anchor] = 1, 0
            open_nodes[-1].hold((1, 0), below=len(open_nodes) - 1)
        elif isinstance(event, yaml.AliasEvent):
            if any(event.anchor == node.anchor for node in open_nodes):
                raise UnboundedError(f"*{event.anchor} contains itself")
            # an alias of nothing is left to the loader, which refuses it
            open_nodes[-1].hold(whole.get(event.anchor, (1, 0)), below=len(open_nodes) - 1)


class _Open:
    """A mapping or a list whose end has not come."""

    def __init__(self, anchor: str | None) -> None:
        self.anchor, self.nodes, self.depth = anchor, 0, 0

    def hold(self, size: tuple[int, int], *, below: int) -> None:
        nodes, depth = size
        self.nodes, self.depth = self.nodes + nodes, max(self.depth, depth)
        if self.nodes > NODES:
            raise UnboundedError(f"it has more than {NODES:,} values")
        if below + depth > DEPTH:
            raise UnboundedError(f"it nests more than {DEPTH} levels deep")
