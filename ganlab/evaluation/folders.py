"""Anybody's samples against anybody's reference: two folders or zips of images."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor

from ganlab import config
from ganlab.config.settings import put
from ganlab.data import ImageFolder
from ganlab.errors import ConfigError, EvaluationError
from ganlab.evaluation.result import Evaluation, Result, measure
from ganlab.imagefiles.formats import Formats, formats
from ganlab.places import cache_folder

_TAKEN = (
    "evaluation", "data.resolution", "data.channels", "data.unreadable", "data.smallest", "data.workers",
    "data.cache",
)  # fmt: skip


def evaluate_folders(
    samples: Path | str, reference: Path | str, overrides: Sequence[str] = (), *,
    metrics: Sequence[str] | None = None, device: torch.device | str | None = None,
    config_dir: Sequence[Path | str] | None = None,
) -> Result:  # fmt: skip
    """Measure images in a folder or zip against those in another, as `ganlab evaluate --samples` does.

    All images must have one size, square, and be grey in both or colour in both, unless ``data.resolution=R``
    (shorter side to R by Pillow's bicubic filter, the centre taken) or ``data.channels=1 or 3`` makes them so.

    Args:
        samples: whose quality is asked for; all of them are measured unless ``evaluation.n_fake=N`` takes the
            first N by name.
        reference: what they ought to look like.
        overrides: ``evaluation=…`` (default: inception), ``evaluation.KEY=…``, ``data.resolution``,
            ``data.channels``, ``data.unreadable=skip`` (default: refuse).
        metrics: names of those to keep; None: all.
        device: None: a GPU if there is one.
        config_dir: folders with YAML of the user's own.

    Raises:
        GanlabError: folders without images, with fewer than two, or with images that do not fit together.
    """
    cfg = _configuration(overrides, config_dir)
    fake, real = _sources(cfg, samples, reference)
    images, _ = _images(fake), _images(real)
    if "n_fake" in cfg.evaluation and not any(word.startswith("evaluation.n_fake=") for word in overrides):
        put(cfg, "evaluation.n_fake", len(images))
    evaluation: Evaluation = config.instantiate(cfg.evaluation, "evaluation", data=real, cache=cache_folder())
    if evaluation.n_fake > len(images):
        raise EvaluationError(
            f"evaluation.n_fake is {evaluation.n_fake}, and {samples} holds {len(images)} images"
        )
    result = measure(evaluation, lambda seed: lambda at: images[at.start : at.stop : at.step], metrics=metrics, device=device)
    protocol = {**result.protocol, "samples": fake.name, "samples_sha256": fake.split("train").sha256}
    protocol.pop("seed", None)  # nothing was drawn
    made = f"shorter side to {cfg.data.resolution} by Pillow's bicubic filter, centre square"
    return Result(result.metrics, {**protocol, "quantisation": "of the files", "decoding": made})


def _configuration(overrides: Sequence[str], config_dir: Sequence[Path | str] | None) -> DictConfig:
    for word in overrides:
        key = word.partition("=")[0]
        if key not in _TAKEN and not key.startswith("evaluation."):
            raise ConfigError(
                f"{key} says nothing about two folders of images; they take {', '.join(_TAKEN)}, evaluation.KEY"
            )
    ours = ["data=folder", "data.resolution=null", "data.channels=null", "data.unreadable=refuse"]
    return config.compose([*ours, "evaluation=inception", *overrides], config_dir)


def _sources(cfg: DictConfig, samples: Path | str, reference: Path | str) -> tuple[ImageFolder, ImageFolder]:
    """Both folders as data sets of one shape; `cfg` is completed and checked."""
    _settle(cfg, formats(samples), formats(reference))
    sources = []
    for root in (samples, reference):
        put(cfg, "data.root", str(root))
        config.validate(cfg)
        sources.append(config.instantiate(cfg.data, "data"))
    return sources[0], sources[1]


def _settle(cfg: DictConfig, *folders: Formats) -> None:
    """Fill in resolution and channels from the files, where they agree."""
    readable = all(folder.sizes for folder in folders)  # if not, decoding says what is wrong with each
    if cfg.data.resolution is None:
        remedy = "data.resolution=R makes them squares of R pixels"
        sizes = [(folder.root, folder.sizes) for folder in folders]
        width, height = (
            _common(sizes, lambda size: f"of {size[0]}x{size[1]} pixels", remedy) if readable else (64, 64)
        )
        if width != height:
            raise EvaluationError(f"the images are of {width}x{height} pixels, not square; {remedy}")
        put(cfg, "data.resolution", width)
    if cfg.data.channels is None:
        remedy = "data.channels=1 makes all grey, data.channels=3 all RGB"
        kinds = [(folder.root, folder.channels) for folder in folders]
        channels = _common(kinds, {1: "in grey", 3: "in colour"}.get, remedy) if readable else 3
        put(cfg, "data.channels", channels)


def _common(found: Sequence[tuple[Path, Counter]], word: Callable[[Any], str | None], remedy: str) -> Any:
    """The one kind of image in all folders; raises EvaluationError naming two kinds where there are more."""
    for root, kinds in found:
        if len(kinds) > 1:
            (one, n), (other, m) = kinds.most_common(2)
            more = " and others" if len(kinds) > 2 else ""
            raise EvaluationError(f"{root} holds {n} images {word(one)}, {m} {word(other)}{more}; {remedy}")
    (root, kinds), (other_root, other_kinds) = found
    (kind,), (other_kind,) = kinds, other_kinds
    if kind != other_kind:
        raise EvaluationError(
            f"{root} holds images {word(kind)}, {other_root} images {word(other_kind)}; {remedy}"
        )
    return kind


def _images(source: ImageFolder) -> Tensor:
    """All images (N, C, R, R) uint8."""
    x = source.split("train").x
    if len(x) < 2:
        raise EvaluationError(f"{source.root} holds only {len(x)} image, and an evaluation needs at least 2")
    return x
