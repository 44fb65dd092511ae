"""Anybody's samples against anybody's reference: folders, zips or NumPy files of images."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from omegaconf import DictConfig

from ganlab import config
from ganlab.config.settings import put
from ganlab.data import DataSource, ImageFolder, TensorSet
from ganlab.errors import ConfigError, EvaluationError
from ganlab.evaluation import alike
from ganlab.evaluation.arrays import SUFFIXES, ImageArray
from ganlab.evaluation.result import Evaluation, Result, Tick, library_versions, measure
from ganlab.evaluation.statistics import holds_statistics
from ganlab.imagefiles.formats import Formats, formats
from ganlab.places import cache_folder

_TAKEN = (
    "evaluation", "extractor", "data.resolution", "data.channels", "data.unreadable", "data.smallest",
    "data.workers", "data.cache",
)  # fmt: skip
_FROM_PATHS = ("data=folder", "data.resolution=null", "data.channels=null", "data.unreadable=refuse")


@dataclass(frozen=True)
class Measured:
    """What is measured, against what, how.

    Attributes:
        evaluation: against the reference; asks for as many samples as there are, if those are files.
        samples: the images to measure; None where a generator makes them.
        decoding: how files became images of one size; None where they had it.
    """

    evaluation: Evaluation
    samples: DataSource | None
    decoding: str | None


def evaluate_folders(
    samples: Path | str, reference: Path | str | None = None, overrides: Sequence[str] = (), *,
    metrics: Sequence[str] | None = None, device: torch.device | str | None = None,
    config_dir: Sequence[Path | str] | None = None, tick: Tick | None = None,
) -> Result:  # fmt: skip
    """Measure images in a folder, zip, ``.npy`` or ``.npz`` against others, as `ganlab evaluate SAMPLES` does.

    All images must have one size, square, and be grey in both or colour in both, unless ``data.resolution=R``
    (shorter side to R by Pillow's bicubic filter, the centre taken) or ``data.channels=1 or 3`` makes files so.

    Args:
        samples: whose quality is asked for; all of them are measured unless ``evaluation.n_fake=N`` takes the
            first N by name.
        reference: what they ought to look like, images too or an ``.npz`` with ``mu`` and ``sigma``; None where
            the overrides choose a data set, ``data=cifar10``.
        overrides: ``evaluation=…`` (default: inception), ``extractor=…``, ``evaluation.KEY=…``, ``data.resolution``,
            ``data.channels``, ``data.unreadable=skip`` (default: refuse).
        metrics: names of those to measure; None: the evaluation's standard ones.
        device: None: a GPU if there is one.
        config_dir: folders with YAML of the user's own.

    Raises:
        GanlabError: no images, fewer than two, or images that do not fit together.
    """
    measured = prepare(samples, reference, overrides, config_dir)
    fakes = measured.samples
    assert fakes is not None
    x = at_least_two(fakes, samples).x
    if measured.evaluation.n_fake > len(x):
        raise EvaluationError(
            f"evaluation.n_fake is {measured.evaluation.n_fake}, and {samples} holds {len(x)} images"
        )
    result = measure(
        measured.evaluation, lambda seed: lambda numbers: x[numbers.start : numbers.stop : numbers.step],
        metrics=metrics, device=device, tick=tick,
    )  # fmt: skip
    protocol = {**result.protocol, "samples": fakes.name, "samples_sha256": fakes.split("train").sha256}
    protocol.pop("seed", None)  # nothing was drawn
    if not (isinstance(fakes, ImageArray) and fakes.quantised):
        protocol.pop("quantisation", None)
    decoded = {"decoding": measured.decoding, **library_versions("pillow")} if measured.decoding else {}
    return replace(result, protocol={**protocol, **decoded})


def prepare(
    samples: Path | str | None, reference: Path | str | None, overrides: Sequence[str],
    config_dir: Sequence[Path | str] | None,
) -> Measured:  # fmt: skip
    """The evaluation of files, or of a generator where `samples` is None, against a reference."""
    cfg = _configuration(overrides, config_dir, chosen=reference is None)
    statistics = reference is not None and holds_statistics(Path(reference))
    paths = [Path(path) for path in (samples, None if statistics else reference) if path is not None]
    if not paths and statistics:
        raise EvaluationError(
            f"{reference} does not say which shape images have; give data=NAME, evaluation.reference"
        )
    if reference is None:
        config.validate(cfg)
        chosen: DataSource = config.instantiate(cfg.data, "data")
        shape, decoding = chosen.shape, None
        if paths and (found := alike.target(None, None, [_formats(paths[0])])) != shape:
            raise EvaluationError(f"{samples} holds images of shape {found}, data={chosen.name} of {shape}")
    else:
        files = [_formats(path) for path in paths]
        shape = alike.target(cfg.data.resolution, cfg.data.channels, files)
        decoding = alike.decoding(files, shape)
    fakes = None if samples is None else _source(cfg, Path(samples), shape)
    if reference is None:
        real = chosen
    elif statistics:
        put(cfg, "evaluation.reference", str(reference))
        assert fakes is not None
        real = fakes
    else:
        real = _source(cfg, Path(reference), shape)
        at_least_two(real, reference)
    asked = any(word.startswith("evaluation.n_fake=") for word in overrides)
    if "n_fake" in cfg.evaluation and fakes is not None and not asked:
        put(cfg, "evaluation.n_fake", len(at_least_two(fakes, samples)))
    evaluation = config.instantiate(cfg.evaluation, "evaluation", data=real, cache=cache_folder())
    return Measured(evaluation, fakes, decoding)


def _configuration(
    overrides: Sequence[str], config_dir: Sequence[Path | str] | None, *, chosen: bool
) -> DictConfig:
    """Of a reference that is a path, or of a data set that is `chosen` by the overrides."""
    taken = (*_TAKEN, "data", "data.root", "data.flip") if chosen else _TAKEN
    for word in overrides:
        key = word.partition("=")[0]
        if key not in taken and not key.startswith("evaluation."):
            raise ConfigError(
                f"{key} says nothing about two folders of images; they take {', '.join(taken)}, evaluation.KEY"
            )
    if not chosen:
        return config.compose([*_FROM_PATHS, "evaluation=inception", *overrides], config_dir)
    return config.compose(["evaluation=inception", *overrides], config_dir)


def _source(cfg: DictConfig, path: Path, shape: tuple[int, ...]) -> DataSource:
    """The images at this path as a data set of this shape."""
    if path.suffix in SUFFIXES:
        array = ImageArray(path)
        if array.shape != shape:
            raise EvaluationError(
                f"{path} holds images of shape {array.shape} and stays as it is, asked for {shape}"
            )
        return array
    folder = config.compose([*_FROM_PATHS, "evaluation=none"])
    for key in ("unreadable", "smallest", "workers", "cache"):
        if key in cfg.data:
            put(folder, f"data.{key}", cfg.data[key])
    for key, value in {"channels": shape[0], "resolution": shape[1], "root": str(path)}.items():
        put(folder, f"data.{key}", value)
    config.validate(folder)
    images: ImageFolder = config.instantiate(folder.data, "data")
    return images


def _formats(path: Path) -> Formats:
    if path.suffix not in SUFFIXES:
        return formats(path)
    channels, height, width = ImageArray(path).shape
    return Formats(path, Counter({(width, height): 1}), Counter({channels: 1}))


def at_least_two(source: DataSource, path: Path | str | None) -> TensorSet:
    """All images of a source; raises EvaluationError for fewer than two."""
    images = source.split("train")
    if len(images) < 2:
        raise EvaluationError(f"{path} holds only {len(images)} image, and an evaluation needs at least 2")
    return images
