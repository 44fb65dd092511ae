"""The MNIST family in every layout that people have, and every way in which its files can be wrong."""

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ganlab.data import FashionMnist, Mnist
from ganlab.data.idx import read_idx
from ganlab.data.resize import resize
from ganlab.errors import DataError

Maker = Callable[..., dict[str, np.ndarray]]
NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FashionMnist, "elsewhere", ())
    for source in (Mnist, FashionMnist):
        monkeypatch.setattr(source, "urls", ("http://127.0.0.1:1",))


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("folder", ["MNIST/raw", "mnist", "raw", "."])
def test_the_files_are_found_in_every_layout(
    tmp_path: Path, idx_folder: Maker, folder: str, zipped: bool
) -> None:
    arrays = idx_folder(tmp_path / folder, zipped=zipped)
    source = Mnist(root=str(tmp_path))
    for split, (images, labels) in (("train", NAMES[:2]), ("held_out", NAMES[2:])):
        found = source.split(split)
        assert found.y is not None
        np.testing.assert_array_equal(found.x.numpy()[:, 0], arrays[images])
        np.testing.assert_array_equal(found.y.numpy(), arrays[labels])
        assert (found.name, found.y.dtype) == (f"mnist/{split}", torch.int64)


def test_the_dots_of_some_downloads_are_understood(tmp_path: Path, idx_folder: Maker) -> None:
    idx_folder(tmp_path)
    for name in NAMES:
        (tmp_path / name).rename(tmp_path / name.replace("-idx", ".idx"))
    assert len(Mnist(root=str(tmp_path)).split("train")) == 30


def test_the_two_sets_are_told_apart_under_one_root(tmp_path: Path, idx_folder: Maker) -> None:
    digits = idx_folder(tmp_path / "MNIST" / "raw", seed=1)
    clothes = idx_folder(tmp_path / "FashionMNIST" / "raw", seed=2)
    for source, arrays in ((Mnist, digits), (FashionMnist, clothes)):
        np.testing.assert_array_equal(
            source(root=str(tmp_path)).split("train").x.numpy()[:, 0], arrays[NAMES[0]]
        )


def test_images_are_enlarged_bilinearly(tmp_path: Path, idx_folder: Maker) -> None:
    idx_folder(tmp_path)
    source = Mnist(root=str(tmp_path), resolution=56)
    assert source.shape == (1, 56, 56)
    small, large = Mnist(root=str(tmp_path)).split("train").x.double(), source.split("train").x.double()
    assert large.shape == (30, 1, 56, 56)
    between = 0.75 * small[..., 5] + 0.25 * small[..., 6]  # a pixel's centre is a quarter from the next one's
    expected = 0.75 * between[..., 9] + 0.25 * between[..., 10]
    assert (large[..., 19, 11] - expected).abs().max() <= 0.5
    many = torch.arange(256, dtype=torch.uint8).repeat(9).view(-1, 1, 1, 1).expand(-1, 1, 2, 2)
    assert torch.equal(resize(many, 5)[:, 0, 3, 2], many[:, 0, 0, 0])


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="resolution must be at least 28, got 16"):
        Mnist(resolution=16)
    assert not Mnist().flip
    assert FashionMnist(flip=True).flip


def test_missing_files_are_downloaded_once_into_torchvisions_layout(
    tmp_path: Path, idx_folder: Maker, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays = idx_folder(tmp_path / "published", zipped=True)
    contents = [(tmp_path / "published" / f"{name}.gz").read_bytes() for name in NAMES]
    server.files = {f"/a/{name}.gz": content for name, content in zip(NAMES, contents, strict=True)}
    monkeypatch.setattr(Mnist, "urls", (f"{server.url}/a",))
    published = tuple((len(content), hashlib.sha256(content).hexdigest()) for content in contents)
    monkeypatch.setattr(Mnist, "published", published)
    source = Mnist(root=str(tmp_path / "data"))
    assert source.prefetch() == [tmp_path / "data" / "MNIST" / "raw" / f"{name}.gz" for name in NAMES]
    np.testing.assert_array_equal(source.split("held_out").x.numpy()[:, 0], arrays[NAMES[2]])
    (tmp_path / "data" / "MNIST" / "raw" / f"{NAMES[3]}.gz").unlink()
    Mnist(root=str(tmp_path / "data")).prefetch()
    assert server.requests == [f"/a/{name}.gz" for name in (*NAMES, NAMES[3])]


def test_without_internet_the_command_that_prefetches_is_named(tmp_path: Path, own_cache: Path) -> None:
    with pytest.raises(DataError) as caught:
        FashionMnist(root=str(tmp_path / "my data")).split("train")
    assert str(caught.value).endswith(
        f"; run ganlab prefetch data=fashion_mnist 'data.root={tmp_path}/my data' where there is internet,"
        " or set data.root to where Fashion-MNIST lies"
    )
    with pytest.raises(DataError, match="; run ganlab prefetch data=mnist where there is internet"):
        Mnist().split("train")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("zipped", [False, True])
def test_damaged_files_are_named(tmp_path: Path, idx_folder: Maker, zipped: bool) -> None:
    idx_folder(tmp_path, zipped=zipped)
    path = tmp_path / (NAMES[0] + (".gz" if zipped else ""))
    whole = path.read_bytes()
    for content in (whole[:-9], whole[:10], b"", b"text" * 9):
        path.write_bytes(content)
        with pytest.raises(
            DataError, match=rf"^{path} (cannot be read|holds fewer|is not an idx file)"
        ) as caught:
            Mnist(root=str(tmp_path)).split("train")
        assert "\n" not in str(caught.value)


def header(*shape: int, kind: int = 8) -> bytes:
    return bytes([0, 0, kind, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (header(2, 2, 2) + bytes(9), "holds more than the 8 values that its header promises"),
        (header(2, 2, 2) + bytes(7), "holds fewer than the 8 values"),
        (header(2**32 - 1, 2**32 - 1, 9) + bytes(9), "promises .* values, more than idx files are read for"),
        (header(0, 28, 28), "is empty"),
        (header(8) + bytes(8), "is not an idx file of unsigned bytes in 3 dimensions"),
        (header(2, 2, 2, kind=0x0D) + bytes(32), "is not an idx file of unsigned bytes in 3 dimensions"),
        (header(2, 2, 2)[:9], "is not an idx file"),
    ],
)
def test_headers_that_lie_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    for path, stored in ((tmp_path / "x", content), (tmp_path / "x.gz", gzip.compress(content))):
        path.write_bytes(stored)
        with pytest.raises(DataError, match=rf"^{path} {reason}"):
            read_idx(path, dimensions=3)


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path, idx_folder: Maker) -> None:
    idx_folder(tmp_path)
    images, labels = tmp_path / NAMES[0], tmp_path / NAMES[1]
    for path, content, reason in (
        (labels, header(29) + bytes(29), "holds 30 images, and .* 29 labels"),
        (labels, header(30) + bytes([10] * 30), "holds the label 10; MNIST has 0 to 9"),
        (images, header(30, 20, 28) + bytes(30 * 560), "holds images of 20x28 pixels, not of 28x28"),
    ):
        whole = path.read_bytes()
        path.write_bytes(content)
        with pytest.raises(DataError, match=reason):
            Mnist(root=str(tmp_path)).split("train")
        path.write_bytes(whole)
