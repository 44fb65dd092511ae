"""Where ganlab keeps what it downloads and what it works out once."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """$GANLAB_CACHE, or ganlab in the user's cache folder."""
    if own := os.environ.get("GANLAB_CACHE"):
        return Path(own).expanduser()
    users = os.environ.get("XDG_CACHE_HOME")
    return (Path(users) if users else Path.home() / ".cache") / "ganlab"
