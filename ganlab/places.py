"""Where ganlab keeps what it downloads and what it works out once."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """$GANLAB_CACHE, or ganlab in the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ganlab"
    return Path(os.environ.get("GANLAB_CACHE", default))
