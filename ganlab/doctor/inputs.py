"""What a run reads, and where it reports: Weights & Biases, weights of extractors, data."""

from collections.abc import Iterator

from omegaconf import DictConfig

from ganlab import config
from ganlab.doctor.finding import Finding
from ganlab.errors import GanlabError
from ganlab.evaluation.weights_files import digits_weights, find_inception_weights
from ganlab.places import cache_folder
from ganlab.tracking import wandb_mode


def tracking(cfg: DictConfig) -> Iterator[Finding]:
    """Whether W&B runs go to a server."""
    mode = wandb_mode(cfg)
    notes = {
        "online": f"online, to project {cfg.wandb.project}",
        "offline": "offline, into the run folder (wandb login makes it online)",
        "disabled": "disabled",
    }
    if mode in notes:
        yield Finding("wandb", "ok", notes[mode])
    else:
        yield Finding("wandb", "warning", f"WANDB_MODE={mode} is no mode", "unset it, or set it to offline")


def weights(cfg: DictConfig) -> Iterator[Finding]:
    """The weights that the numbers depend on: those that ship, and Inception's."""
    try:
        digits_weights()
        yield Finding("digits", "ok", "the weights that fid_digits needs are those that shipped")
    except (GanlabError, OSError) as error:
        yield Finding("digits", "broken", str(error), "reinstall ganlab")
    asked = cfg.evaluation.get("extractor") == "inception-v3-compat"
    if cfg.evaluation.get("weights"):
        yield Finding("inception", "ok", f"evaluation.weights={cfg.evaluation.weights} instead")
    elif path := find_inception_weights(cache_folder()):
        yield Finding("inception", "ok", str(path))
    else:
        advice = "ganlab prefetch evaluation=inception, where there is internet"
        found = "the weights that plain fid needs are not here"
        yield Finding("inception", "warning" if asked else "ok", found, advice)


def data(cfg: DictConfig) -> Iterator[Finding]:
    """Whether the data set of the configuration is here, and whether the evaluation fits it."""
    try:
        source = config.instantiate(cfg.data, "data")
        config.instantiate(cfg.evaluation, "evaluation", data=source, cache=cache_folder())
    except GanlabError as error:
        yield Finding("data", "broken", str(error), "see ganlab train --help")
        return
    if source.is_here:
        yield Finding("data", "ok", f"{source.name}, samples of {'x'.join(map(str, source.shape))}")
    else:
        advice = f"ganlab prefetch data={source.name}, or set data.root to where it lies"
        yield Finding("data", "warning", f"{source.name} is not here and would be downloaded", advice)
