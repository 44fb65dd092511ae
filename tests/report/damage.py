"""Run folders damaged at random, the same for the same seed: torn, with garbled bytes, and with odd values and names."""

import json
import math
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

NAMES = (
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "\ud800",
    "",
    "a\x1b[31m\nb",
    "path",
    "</script>",
)
VALUES = (
    None, True, -1, 0, 2**53, 10**400, 1e308, -1e-320, math.nan, math.inf, "", "many", "\udcff", "x" * 20_000, [], {},
    [1, "a", None], {"pid": None}, {"__proto__": {"toString": 1}}, [[[[{}]]]],
)  # fmt: skip
FILES = ("config.yaml", "summary.json", "environment.json", "metrics.jsonl", "samples/0000002000.png")


def damage(folder: Path, seed: int) -> None:
    """Do one to three things to the files of a run."""
    rng = random.Random(seed)
    for _ in range(rng.randint(1, 3)):
        path = folder / rng.choice(FILES)
        if path.is_file():
            rng.choice(WAYS)(path, rng)


def _truncated(path: Path, rng: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: rng.randint(0, len(content))])


def _garbled(path: Path, rng: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(rng.randint(1, 8) if content else 0):
        content[rng.randrange(len(content))] = rng.randrange(256)
    path.write_bytes(content)


def _nested(path: Path, rng: random.Random) -> None:
    lines = path.read_bytes().split(b"\n")
    lines[rng.randrange(len(lines))] = rng.choice([b"[", b'{"a":', b"- "]) * rng.choice([40, 900, 60_000])
    path.write_bytes(b"\n".join(lines))


def _replaced(path: Path, rng: random.Random) -> None:
    path.unlink()
    if rng.random() < 0.5:
        path.mkdir()


def _odd(path: Path, rng: random.Random) -> None:
    """Give some values of the file other values, and some names other names."""
    try:
        text = path.read_text()
        if path.suffix == ".jsonl":
            lines = [_changed(json.loads(line), rng) for line in text.splitlines()]
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        elif path.suffix == ".json":
            path.write_text(json.dumps(_changed(json.loads(text), rng)))
        elif path.suffix == ".yaml":
            path.write_text(yaml.dump(_changed(yaml.safe_load(text), rng)))
    except (ValueError, yaml.YAMLError, RecursionError):  # damaged already
        _garbled(path, rng)


def _changed(value: Any, rng: random.Random, share: float = 0.08) -> Any:
    if rng.random() < share:
        return rng.choice(VALUES)
    if isinstance(value, dict):
        return {
            rng.choice(NAMES) if rng.random() < share / 4 else name: _changed(item, rng)
            for name, item in value.items()
        }
    return [_changed(item, rng) for item in value] if isinstance(value, list) else value


WAYS: tuple[Callable[[Path, random.Random], None], ...] = (
    _truncated,
    _garbled,
    _nested,
    _replaced,
    _odd,
    _odd,
    _odd,
)


def damaged_runs(whole: Path, root: Path, seeds: range) -> None:
    """Copies of a run, ``damaged-SEED``, each damaged in its own way."""
    for seed in seeds:
        shutil.copytree(whole, root / f"damaged-{seed}")
        damage(root / f"damaged-{seed}", seed)
