"""MNIST: 70,000 handwritten digits of 28x28 pixels, 10 classes; and what else comes in its four files."""

from pathlib import Path
from typing import ClassVar

from ganlab.data.download import Remote
from ganlab.data.idx import read_idx
from ganlab.data.published import PublishedImages
from ganlab.data.source import TensorSet
from ganlab.errors import DataError

_STEMS = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


class IdxImages(PublishedImages):
    """Grey images of 28x28 pixels and their labels in four idx files, gzipped or not.

    Attributes:
        folders: where under the root the files may lie, most particular first.
        elsewhere: folders that are looked in last, whatever the root.
        published: size and SHA-256 of the four files.
        urls: of the folders that they can be downloaded from.
    """

    channels, original = 1, 28
    folders: ClassVar[tuple[str, ...]]
    elsewhere: ClassVar[tuple[Path, ...]] = ()
    published: ClassVar[tuple[tuple[int, str], ...]]
    urls: ClassVar[tuple[str, ...]]

    def _files(self) -> list[Path] | None:
        for folder in [*(self.root / name for name in self.folders), *self.elsewhere]:
            found = [_either(folder, stem) for stem in _STEMS]
            if all(found):
                return [path for path in found if path]
        return None

    def _remotes(self) -> tuple[tuple[Remote, ...], Path]:
        names = [f"{stem}.gz" for stem in _STEMS]
        remotes = (
            Remote(name, tuple(f"{url}/{name}" for url in self.urls), size, sha256)
            for name, (size, sha256) in zip(names, self.published, strict=True)
        )
        return tuple(remotes), self.root / self.folders[0]

    def _read(self, files: list[Path], split: str) -> TensorSet:
        images, labels = files[:2] if split == "train" else files[2:]
        x, y = read_idx(images, dimensions=3), read_idx(labels, dimensions=1).long()
        if x.shape[1:] != (self.original, self.original):
            raise DataError(f"{images} holds images of {x.shape[1]}x{x.shape[2]} pixels, not of 28x28")
        if len(x) != len(y):
            raise DataError(f"{images} holds {len(x):,} images, and {labels} {len(y):,} labels")
        if y.max() >= 10:
            raise DataError(f"{labels} holds the label {int(y.max())}; {self.title} has 0 to 9")
        return TensorSet(f"{self.name}/{split}", x[:, None], y)


def _either(folder: Path, stem: str) -> Path | None:
    names = (stem, f"{stem}.gz", stem.replace("-idx", ".idx"))
    return next((folder / name for name in names if (folder / name).is_file()), None)


class Mnist(IdxImages):
    """The handwritten digits: ``train`` (60,000), ``held_out`` (the 10,000 of the official test set).

    Args:
        root: folder with the files as torchvision leaves them (``MNIST/raw``) or plainly, gzipped or not;
            they are downloaded to it if they are not there; None for ``data`` in ganlab's cache folder.
        resolution: side in pixels, >= 28; larger sizes are reached bilinearly.

    Source: Y. LeCun, C. Cortes and C. Burges, The MNIST database of handwritten digits (1998).
    """

    name, title = "mnist", "MNIST"
    classes = tuple("0123456789")
    folders = ("MNIST/raw", "mnist/raw", "mnist", "MNIST", "raw", "")
    urls = (
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        "https://storage.googleapis.com/cvdf-datasets/mnist",
    )
    published = (
        (9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
        (28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        (1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
        (4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    )

    def __init__(self, *, root: str | None = None, resolution: int = 28) -> None:
        super().__init__(root=root, resolution=resolution, flip=False)
