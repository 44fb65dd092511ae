"""Reading what a person or an agent typed: ``key=value`` words, and values that must fit a type.

W&B's ``${args_no_hyphens}`` writes Python (``1e-05``, ``['r1', 'r2']``, ``True``, ``None``, ``64.0``), people
write YAML (``true``, ``null``, ``[r1,r2]``) and sentences (``it's a=b``).  What is not a value is text.
"""

import ast
import re
import sys
import types
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from ganlab.errors import ConfigError

_WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}
_NUMBER = re.compile(r"[+-]?(\d[\d_]*)?\.?\d[\d_]*\.?(e[+-]?\d+)?", re.IGNORECASE)
_KEY = re.compile(r"[A-Za-z_]\w*([./]\w+)*")
_CLOSING = {"[": "]", "{": "}", "(": ")"}


class MismatchError(Exception):
    """A value does not fit a type; the text says what would."""


def split_word(word: str) -> tuple[str, str]:
    """``key=value`` at its first ``=``; the value may contain more of them."""
    key, equals, value = word.partition("=")
    if not equals:
        raise ConfigError(f"'{word}' is not a setting; write key=value")
    if not _KEY.fullmatch(key):
        hint = "; write key=value, without + or ~ before the key" if key[:1] in ("+", "~") else ""
        raise ConfigError(f"'{key}' in '{word}' is not the name of a key{hint}")
    return key, value


def parse(text: str) -> Any:
    """The value that the text is a literal of, in Python's or in YAML's notation, else the text itself."""
    bare = text.strip()
    if bare in _WORDS:
        return _WORDS[bare]
    if _NUMBER.fullmatch(bare):
        try:
            return ast.literal_eval(bare)
        except (SyntaxError, ValueError):  # a leading zero, 007; thousands of digits
            return text
    if (quoted := unquote(bare)) is not None:
        return quoted
    if bare[:1] in _CLOSING and bare[-1:] == _CLOSING[bare[:1]]:
        parsed = _collection(bare)
        return text if parsed is None else parsed
    return text


def unquote(text: str) -> str | None:
    """What a single quoted string says, or None if the text is not one (``'a' and 'b'``, ``it's``)."""
    if re.fullmatch(r"""'([^'\\\n]|\\.)*'|"([^"\\\n]|\\.)*\"""", text):
        return str(ast.literal_eval(text))
    return None


def _collection(text: str) -> list[Any] | dict[str, Any] | None:
    items = _split(text[1:-1], ",")
    if items is None:
        return None
    if text[0] != "{":
        return [parse(item.strip()) for item in items]
    pairs = [_split(item, ":", most=1) for item in items]
    if any(pair is None or len(pair) != 2 for pair in pairs):
        return None
    return {str(parse(pair[0].strip())): parse(pair[1].strip()) for pair in pairs if pair}


def _split(text: str, separator: str, most: int = -1) -> list[str] | None:
    """Split outside quotes and brackets; None where those do not match up."""
    items, closing, quote, start = [], [], "", 0
    for position, character in enumerate(text):
        if quote:
            escaped = text[position - 1] == "\\" and text[position - 2] != "\\"
            quote = "" if character == quote and not escaped else quote
        elif character in "'\"" and text[:position].rstrip()[-1:] in "[{(,:":
            quote = character  # elsewhere it is an apostrophe
        elif character in _CLOSING:
            closing.append(_CLOSING[character])
        elif closing and character == closing[-1]:
            closing.pop()
        elif character in "]})":
            return None
        elif character == separator and not closing and most != 0:
            items.append(text[start:position])
            start, most = position + 1, most - 1
    if quote or closing:
        return None
    rest = text[start:]
    return [*items, rest] if rest.strip() else items


def read(text: str, annotation: Any) -> Any:
    """The text as a value of this type; where text is wanted it stays as it is, unless quoted as a whole."""
    if str in _members(annotation):
        if type(None) in _members(annotation) and text in ("None", "null"):
            return None
        quoted = unquote(text)
        return text if quoted is None else quoted
    return conform(parse(text), annotation)


def _members(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def conform(value: Any, annotation: Any) -> Any:
    """The value as this annotation wants it: whole floats become ints for int, ints become floats for float.

    Raises:
        MismatchError: it does not fit; annotations that say nothing about plain values accept every value.
    """
    members = _members(annotation)
    if len(members) == 1:
        return _conform(value, annotation)
    fitting, wanted = [], []
    for member in members:
        try:
            fitting.append(_conform(value, member))
        except MismatchError as mismatch:
            wanted.append(str(mismatch))
    if not fitting:
        plain = [want for want in wanted if want != _OBJECT]  # float | Tensor: say "a number"
        raise MismatchError(" or ".join(dict.fromkeys(plain or wanted)))
    return next((fit for fit in fitting if type(fit) is type(value)), fitting[0])


def _conform(value: Any, annotation: Any) -> Any:
    if annotation in _PLAIN:
        return _plain(value, annotation)
    origin, arguments = get_origin(annotation) or annotation, get_args(annotation)
    if origin is Literal:
        if any(value == option and type(value) is type(option) for option in arguments):
            return value
        raise MismatchError("one of " + ", ".join(str(option) for option in arguments))
    if origin in (Any, object) or not isinstance(origin, type):
        return value
    if isinstance(value, Mapping) and (issubclass(origin, Mapping) or "_target_" in value):
        return value  # what a _target_ builds is its own affair
    if origin in (list, tuple, Sequence, Collection, Iterable, set, frozenset):
        return _elements(value, origin, arguments)
    if issubclass(origin, Path):
        return _plain(value, str)
    raise MismatchError("a mapping" if issubclass(origin, Mapping) else _OBJECT)


_OBJECT = "an object, given as a mapping with a _target_"
_PLAIN = {bool: "true or false", int: "a whole number", float: "a number", str: "text", type(None): "null"}


def _plain(value: Any, kind: type) -> Any:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is float and number:
        if not abs(value) <= sys.float_info.max:  # 1e999 is infinite, and compares with NaN are false
            raise MismatchError("a finite number")
        return float(value)
    if kind is int and number and (isinstance(value, int) or value.is_integer()):
        return int(value)
    if kind is str and isinstance(value, int) and number:
        return str(value)  # a folder named 2024
    if isinstance(value, kind) and kind is not int:
        return value
    raise MismatchError(_PLAIN[kind])


def _elements(value: Any, origin: type, arguments: tuple[Any, ...]) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise MismatchError("a list")
    kinds: Sequence[Any] = arguments[:1] * len(value) if arguments else [Any] * len(value)
    if origin is tuple and arguments and arguments[-1] is not Ellipsis:
        kinds = arguments
        if len(value) != len(kinds):
            raise MismatchError(f"a list of {len(kinds)}")
    try:
        return [conform(element, kind) for element, kind in zip(value, kinds, strict=True)]
    except MismatchError as mismatch:
        raise MismatchError(f"a list whose elements are each {mismatch}") from None
