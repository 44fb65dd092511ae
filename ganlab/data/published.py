"""Data sets that were published as files: found under a root in the layouts people have, or downloaded."""

import shlex
from abc import abstractmethod
from pathlib import Path

from ganlab.data.download import Remote, download
from ganlab.data.resize import resize
from ganlab.data.source import DataSource, TensorSet
from ganlab.errors import DataError
from ganlab.places import cache_folder


class PublishedImages(DataSource):
    """Square images that the whole field knows under one name, with an official training and test set.

    Args:
        root: folder to look in and to download to; None for ``data`` in ganlab's cache folder.
        resolution: side in pixels, at least the original one; larger sizes are reached bilinearly.
        flip: show the training loop every image mirrored half of the time.

    Attributes:
        title: its name in sentences.
        channels: of the images.
        original: their side in pixels.
    """

    splits = ("train", "held_out")
    title: str
    channels: int
    original: int

    def __init__(self, *, root: str | None, resolution: int, flip: bool) -> None:
        if resolution < self.original:
            raise ValueError(f"resolution must be at least {self.original}, got {resolution}")
        self.given_root = root
        self.root = cache_folder() / "data" if root is None else Path(root).expanduser()
        self.resolution, self.flip = resolution, flip
        self.shape = (self.channels, resolution, resolution)

    @abstractmethod
    def _files(self) -> list[Path] | None:
        """The files of the set, if all of them are here."""

    @abstractmethod
    def _remotes(self) -> tuple[tuple[Remote, ...], Path]:
        """Files to download, and the folder for them."""

    @abstractmethod
    def _read(self, files: list[Path], split: str) -> TensorSet:
        """One split at the original resolution."""

    @property
    def is_here(self) -> bool:
        return self._files() is not None

    def prefetch(self) -> list[Path]:
        if (files := self._files()) is not None:
            return files
        remotes, folder = self._remotes()
        for remote in remotes:
            if not (folder / remote.name).exists():
                download(remote, folder, otherwise=self._advice())
        files = self._files()
        if files is None:
            raise DataError(f"{self.title} vanished from {self.root} as soon as it was downloaded")
        return files

    def _advice(self) -> str:
        root = "" if self.given_root is None else f" {shlex.quote(f'data.root={self.given_root}')}"
        return (
            f"run ganlab prefetch data={self.name}{root} where there is internet,"
            f" or set data.root to where {self.title} lies"
        )

    def _load(self, split: str) -> TensorSet:
        found = self._read(self.prefetch(), split)
        x = found.x if self.resolution == self.original else resize(found.x, self.resolution)
        return TensorSet(found.name, x, found.y)
