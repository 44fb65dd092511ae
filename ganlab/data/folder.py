"""Any folder or zip of images, as a data set."""

import logging
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Literal

import torch
from torch import Tensor

from ganlab.data.mapped import MappedSet
from ganlab.data.source import DataSource, TensorSet
from ganlab.errors import DataError
from ganlab.imagefiles.build import decoded, describe, list_of_unreadable
from ganlab.imagefiles.cache import Cache
from ganlab.imagefiles.decode import Target
from ganlab.imagefiles.files import open_images
from ganlab.places import cache_folder

_log = logging.getLogger(__name__)


class ImageFolder(DataSource):
    """Every image in a folder or zip and its subfolders, as squares; one split, ``train``.

    The shorter side of each image is scaled to `resolution` by Pillow's bicubic filter, and the centre taken.
    The images are decoded once, by all cores, into a file that later runs find by the content of the folder.

    Args:
        root: the folder or the zip.
        resolution: side in pixels, >= 4.
        channels: 3 for RGB, 1 for grey; images of the other kind are converted.
        flip: show every image mirrored half of the time; evaluations see none mirrored.
        labels: ``folders``: an image's class is the subfolder it lies in, of those that differ first on the
            way down from the root; ``auto``: so if every image has one, else no labels; ``none``.
        unreadable: ``skip`` files that are no usable image and list them by name, or ``refuse`` the folder.
        smallest: shorter side in pixels below which an image counts as unreadable, >= 1.
        workers: processes that decode; None for one per core.
        cache: folder for decoded images; None for ``images`` in ganlab's cache folder.

    Attributes:
        name: ``folder:`` and the last part of the root.
    """

    def __init__(
        self, *, root: str | None, resolution: int = 64, channels: Literal[1, 3] = 3, flip: bool = False,
        labels: Literal["auto", "folders", "none"] = "auto", unreadable: Literal["skip", "refuse"] = "skip",
        smallest: int = 8, workers: int | None = None, cache: str | None = None,
    ) -> None:  # fmt: skip
        if not root:
            raise ValueError("root is missing: it is the folder or zip of your images")
        if resolution < 4:
            raise ValueError(f"resolution must be at least 4, got {resolution}")
        if channels not in (1, 3):
            raise ValueError(f"channels must be 1 or 3, got {channels}")
        if labels not in ("auto", "folders", "none"):
            raise ValueError(f"labels must be auto, folders or none, got {labels!r}")
        if unreadable not in ("skip", "refuse"):
            raise ValueError(f"unreadable must be skip or refuse, got {unreadable!r}")
        if smallest < 1:
            raise ValueError(f"smallest must be at least 1, got {smallest}")
        if workers is not None and workers < 1:
            raise ValueError(f"workers must be at least 1, got {workers}")
        self.root = Path(root).expanduser().absolute()
        self.name = f"folder:{self.root.name}"
        self.shape = (channels, resolution, resolution)
        self.flip, self.labels, self.unreadable, self.workers = flip, labels, unreadable, workers
        self.target = Target(resolution, channels, smallest)
        self.cache = cache_folder() / "images" if cache is None else Path(cache).expanduser()

    def check(self) -> None:
        open_images(self.root)

    def prefetch(self) -> list[Path]:
        self._labels  # noqa: B018  labels that are asked for and missing are an error by now
        return [self._decoded.path]

    @property
    def classes(self) -> tuple[str, ...] | None:  # type: ignore[override]
        """Names of the class subfolders, sorted; known once the images are decoded."""
        return self._labels[0] if self._labels else None

    def _load(self, split: str) -> TensorSet:
        cache, labels = self._decoded, self._labels
        return MappedSet.open(f"{self.name}/{split}", cache.path, cache.shape, labels[1] if labels else None)

    @cached_property
    def _decoded(self) -> Cache:
        cache = decoded(self.root, self.target, folder=self.cache, workers=self.workers)
        if bad := cache.unreadable:
            refuse = self.unreadable == "refuse"
            most = 3 if refuse else 20
            listed = f" (all are listed in {list_of_unreadable(cache.path)})" if len(bad) > most else ""
            sentence = f"{len(bad)} image files in {self.root} cannot be read: {describe(bad, most)}{listed}"
            if refuse:
                raise DataError(f"{sentence}; mend or remove them, or set data.unreadable=skip")
            _log.warning("%s; they are skipped", sentence)
        if cache.moving:
            _log.warning("%s: of %d animated images the first frame is used", self.root, cache.moving)
        return cache

    @cached_property
    def _labels(self) -> tuple[tuple[str, ...], Tensor] | None:
        """Class names, and the class of every image (N,)."""
        if self.labels == "none":
            return None
        folders, without = _class_folders(self._decoded.names)
        if not without:
            classes = tuple(sorted(set(folders)))
            number = {name: i for i, name in enumerate(classes)}
            return classes, torch.tensor([number[folder] for folder in folders])
        if self.labels == "auto":
            return None
        reason = (
            "all lie in the same" if len(without) == len(self._decoded.names) else f"{without[0]} does not"
        )
        raise DataError(f"data.labels=folders wants the images of {self.root} in class subfolders; {reason}")


def _class_folders(names: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The part of each path that tells the class, and the images whose path has none."""
    parents = [PurePosixPath(name.replace("\\", "/")).parent.parts for name in names]
    depth = 0
    while all(len(parts) > depth for parts in parents) and len({parts[depth] for parts in parents}) == 1:
        depth += 1
    without = [name for name, parts in zip(names, parents, strict=True) if len(parts) <= depth]
    return [parts[depth] for parts in parents if len(parts) > depth], without
