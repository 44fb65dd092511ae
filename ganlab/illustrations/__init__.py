"""The pictures of the theory: one file a picture, each with an `ILLUSTRATION`, found by their names.

Each is a function that returns a matplotlib figure; what it shows is worked out or trained when it is drawn.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from ganlab.errors import GanlabError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".png", ".pdf")


@dataclass(frozen=True)
class Illustration:
    """One picture.

    Attributes:
        summary: its line in the list.
        draw: makes it.
    """

    summary: str
    draw: Callable[[], "Figure"]


def names() -> list[str]:
    """Of all pictures, in alphabetical order."""
    return [module.name for module in pkgutil.iter_modules(__path__)]


def get(name: str) -> Illustration:
    """The picture of a name; raises GanlabError if there is none."""
    if name not in names():
        near = get_close_matches(name, names(), n=1)
        hint = f"did you mean {near[0]}?" if near else f"figures: {', '.join(names())}"
        raise GanlabError(f"there is no figure '{name}'; {hint}")
    return importlib.import_module(f"{__name__}.{name}").ILLUSTRATION


def save(figure: "Figure", path: Path) -> None:
    """Write a figure as PNG or PDF, by the path's suffix; raises GanlabError if that cannot be done."""
    if path.suffix.lower() not in FORMATS:
        raise GanlabError(f"a figure is saved as {' or '.join(FORMATS)}, got '{path}'")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        metadata = {"Software": None} if path.suffix.lower() == ".png" else {"CreationDate": None}
        figure.savefig(path, dpi=110, metadata=metadata)
    except OSError as error:
        raise GanlabError(f"cannot write the picture {path}: {error.strerror or error}") from error
