"""Which folder a run lives in, and from which checkpoint it goes on."""

import itertools
import logging
from datetime import datetime
from pathlib import Path

from omegaconf import DictConfig

from ganlab import config, launch
from ganlab.checkpoints import verifies
from ganlab.errors import CheckpointError, ConfigError, GanlabError
from ganlab.runs import RunFolder

_log = logging.getLogger(__name__)


def open_folder(cfg: DictConfig) -> tuple[RunFolder, Path | None]:
    """The folder of a run, and the checkpoint to go on from if there is one; names the run if it has no name.

    Raises:
        ConfigError: the folder's run was made with other values, or run.resume forbids to go on with it.
        CheckpointError: every checkpoint in it is corrupt.
    """
    root = Path(cfg.run.root).expanduser()
    if cfg.run.name is None:
        cfg.run.name = _job_name(cfg)
    if cfg.run.name is None:
        cfg.run.name = _new_name(cfg, root)
        return RunFolder(root / cfg.run.name), None
    folder = RunFolder(root / cfg.run.name)
    if not folder.exists:
        return folder, None
    if cfg.run.resume == "never":
        raise ConfigError(
            f"the run {folder.path} exists already; choose another run.name, or run.resume=auto to go on"
        )
    changed = config.difference(config.load(folder.config), cfg)
    if changed:
        raise ConfigError(
            f"the run {folder.path} was made with other values of {', '.join(changed)};"
            " choose another run.name, or leave them as they were to resume"
        )
    return folder, _newest_whole(folder)


def _newest_whole(folder: RunFolder) -> Path | None:
    """The newest checkpoint that is not damaged; None if there is no checkpoint at all."""
    checkpoints = folder.list_checkpoints()
    for path in reversed(checkpoints):
        if verifies(path):
            return path
        _log.warning("the checkpoint %s is corrupt; going back to the one before it", path)
    if checkpoints:
        raise CheckpointError(f"every checkpoint of {folder.path} is corrupt; remove them to start anew")
    return None


def _job_name(cfg: DictConfig) -> str | None:
    """The name of this SLURM job's run, which a requeued job finds again; None outside SLURM."""
    job = launch.job()
    return f"{_kind(cfg)}-{job}" if job else None


def _kind(cfg: DictConfig) -> str:
    return "-".join(cfg[key]["_target_"].rpartition(".")[2].lower() for key in ("data", "objective"))


def _new_name(cfg: DictConfig, root: Path) -> str:
    """A name that no run has, taken by making its folder."""
    base = f"{_kind(cfg)}-{datetime.now():%Y%m%d-%H%M%S}"
    for name in itertools.chain([base], (f"{base}-{n}" for n in itertools.count(2))):
        try:
            (root / name).mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise GanlabError(f"cannot make the run folder {root / name}: {error.strerror}") from error
        return name
    raise AssertionError("unreachable: the names are endless")
