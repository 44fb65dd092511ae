"""The folders of YAML: which groups there are, which choices each has, what each choice says about itself."""

from collections.abc import Sequence
from difflib import get_close_matches
from itertools import takewhile
from pathlib import Path

from ganlab.errors import ConfigError

PACKAGE = Path(__file__).parent.parent
NOT_GROUPS = {"sweep"}  # configs/sweep/ holds W&B sweep files, which Hydra never reads


def shipped() -> Path:
    """ganlab's own configs: inside the package when installed from a wheel, beside it in a checkout."""
    inside = PACKAGE / "configs"
    return inside if inside.is_dir() else PACKAGE.parent / "configs"


def folders(config_dirs: Sequence[Path | str] = ()) -> list[Path]:
    """The shipped folder, then the user's, absolute.

    Raises:
        ConfigError: a folder does not exist, or has a YAML that one of the folders before it already has, or
            whose directive to Hydra stands where Hydra does not see it.
    """
    found = [shipped()]
    for folder in config_dirs:
        path = Path(folder).expanduser().absolute()
        if not path.is_dir():
            raise ConfigError(f"--config-dir {folder} is not a folder")
        for file in sorted(path.rglob("*.yaml")):
            name = file.relative_to(path)
            # Hydra would take the first one and never mention the second.
            if taken := next((other for other in found if (other / name).is_file()), None):
                raise ConfigError(f"{file} has the name of {taken / name}; give it another name")
            _check_directives(file)
        found.append(path)
    return found


def _check_directives(file: Path) -> None:
    lines = [line for line in file.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    seen = list(takewhile(lambda line: line.startswith("# @"), lines))
    if late := next((line for line in lines[len(seen) :] if line.startswith("# @package")), None):
        raise ConfigError(f"{file} must begin with '{late}': Hydra does not see it below other lines")


def choices(config_dirs: Sequence[Path | str] = ()) -> dict[str, dict[str, Path]]:
    """``{group: {choice: file}}``, both sorted; nested groups have a slash, ``network/generator``."""
    groups: dict[str, dict[str, Path]] = {}
    for folder in folders(config_dirs):
        for file in folder.rglob("*.yaml"):
            group = file.parent.relative_to(folder).as_posix()
            if group != "." and group.split("/")[0] not in NOT_GROUPS:
                groups.setdefault(group, {})[file.stem] = file
    return {group: dict(sorted(files.items())) for group, files in sorted(groups.items())}


def description(file: Path) -> str:
    """The first comment line of a YAML that is not a directive to Hydra, or nothing."""
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("# @"):
            return line.lstrip("# ").rstrip()
    return ""


def nearest(name: str, names: Sequence[str]) -> str:
    """``; did you mean x or y?`` for the names like this one, or nothing."""
    close = get_close_matches(name, names, n=3)
    if not close:
        lower = {other.lower(): other for other in names}
        close = [lower[other] for other in get_close_matches(name.lower(), lower, n=3)]
    return f"; did you mean {' or '.join(close)}?" if close else ""
