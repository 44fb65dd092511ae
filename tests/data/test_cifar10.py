"""CIFAR-10 as an archive and as a folder; damaged and malicious ones."""

import hashlib
import io
import pickle
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from ganlab.data import Cifar10
from ganlab.data import cifar10 as module
from ganlab.errors import DataError

BATCHES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
Contents = dict[str, bytes]


def batch(seed: int) -> dict[bytes, Any]:
    rng = np.random.default_rng(seed)
    return {
        b"data": rng.integers(0, 256, (4, 3072), dtype=np.uint8),
        b"labels": rng.integers(0, 10, 4).tolist(),
    }


@pytest.fixture
def contents() -> Contents:
    return {name: pickle.dumps(batch(i), protocol=2) for i, name in enumerate(BATCHES)}


def archive(contents: Contents) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in sorted(contents.items(), reverse=True):  # not in the order we want them
            info = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def as_archive(root: Path, contents: Contents) -> Path:
    root.mkdir(exist_ok=True)
    (root / "cifar-10-python.tar.gz").write_bytes(archive(contents))
    return root


def as_folder(root: Path, contents: Contents) -> Path:
    (root / "cifar-10-batches-py").mkdir(parents=True)
    for name, content in contents.items():
        (root / "cifar-10-batches-py" / name).write_bytes(content)
    return root


LAYOUTS: list[Callable[[Path, Contents], Path]] = [
    as_archive,
    as_folder,
    lambda root, contents: as_archive(root, contents) / "cifar-10-python.tar.gz",
    lambda root, contents: as_folder(root, contents) / "cifar-10-batches-py",
    lambda root, contents: as_folder(root / "cifar10", contents).parent,
]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_read(tmp_path: Path, contents: Contents, layout: Callable) -> None:
    source = Cifar10(root=str(layout(tmp_path / "data", contents)))
    train, held_out = source.split("train"), source.split("held_out")
    assert train.y is not None
    assert (tuple(train.x.shape), len(held_out), train.name) == ((20, 3, 32, 32), 4, "cifar10/train")
    second = batch(1)
    np.testing.assert_array_equal(train.x[4:8].numpy().reshape(4, 3072), second[b"data"])
    assert train.y[4:8].tolist() == second[b"labels"]
    np.testing.assert_array_equal(held_out.x.numpy().reshape(4, 3072), batch(5)[b"data"])


class Python2Pickler(pickle._Pickler):  # type: ignore[name-defined]
    """Writes text as Python 2 did, in whose pickles CIFAR-10 is published: strings of bytes without an encoding."""

    dispatch: ClassVar[dict] = pickle._Pickler.dispatch.copy()  # type: ignore[attr-defined]

    def save_text(self, text: str | bytes) -> None:
        content = text if isinstance(text, bytes) else text.encode("ascii")
        short = len(content) < 256
        self.write(b"U" + bytes([len(content)]) if short else b"T" + struct.pack("<i", len(content)))
        self.write(content)
        self.memoize(text)

    dispatch[bytes] = dispatch[str] = save_text


def python2(seed: int) -> bytes:
    buffer = io.BytesIO()
    published = {b"batch_label": b"training batch 1 of 5", **batch(seed), b"filenames": [b"a.png"] * 4}
    Python2Pickler(buffer, protocol=2).dump(published)
    return buffer.getvalue().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def test_pickles_of_old_and_new_pythons_are_read(tmp_path: Path, contents: Contents) -> None:
    contents["data_batch_1"] = python2(0)
    contents["data_batch_2"] = pickle.dumps(
        {key.decode(): value for key, value in batch(1).items()}, protocol=5
    )
    train = Cifar10(root=str(as_folder(tmp_path, contents))).split("train")
    np.testing.assert_array_equal(train.x[:4].numpy().reshape(4, 3072), batch(0)[b"data"])
    np.testing.assert_array_equal(train.x[4:8].numpy().reshape(4, 3072), batch(1)[b"data"])


class Malicious:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_a_pickle_that_runs_a_program_is_refused(tmp_path: Path, contents: Contents) -> None:
    contents["data_batch_3"] = pickle.dumps(
        {b"data": Malicious(tmp_path / "owned"), b"labels": []}, protocol=2
    )
    for layout in (as_archive, as_folder):
        root = layout(tmp_path / layout.__name__, contents)
        with pytest.raises(DataError, match="data_batch_3 is not a batch of CIFAR-10: it asks for "):
            Cifar10(root=str(root)).split("train")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Ran out of input"),
        (b"text", "."),
        (pickle.dumps([1, 2]), "."),
        (pickle.dumps({b"data": np.zeros((4, 3072), np.uint8)}), "'labels'"),
        (
            pickle.dumps({b"data": np.zeros((4, 3072)), b"labels": [0] * 4}),
            r"its arrays are float64\[4, 3072\]",
        ),
        (
            pickle.dumps({b"data": np.zeros((4, 100), np.uint8), b"labels": [0] * 4}),
            r"its arrays are uint8\[4, 100\]",
        ),
        (pickle.dumps({b"data": np.zeros((4, 3072), np.uint8), b"labels": [0]}), r"and \[1\]"),
        (
            pickle.dumps({b"data": np.zeros((4, 3072), np.uint8), b"labels": [10] * 4}),
            "its labels are not 0 to 9",
        ),
    ],
)
def test_what_is_no_batch_is_refused(tmp_path: Path, contents: Contents, content: bytes, reason: str) -> None:
    root = as_folder(tmp_path, contents | {"test_batch": content})
    with pytest.raises(DataError, match=rf"test_batch is not a batch of CIFAR-10: .*{reason}") as caught:
        Cifar10(root=str(root)).split("held_out")
    assert "\n" not in str(caught.value)


def test_damaged_and_foreign_archives_are_refused(tmp_path: Path, contents: Contents) -> None:
    path = as_archive(tmp_path, contents) / "cifar-10-python.tar.gz"
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:-20] + bytes(20), whole[:-8] + bytes(8), b"", b"<html>"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"tar\.gz (is damaged or not a \.tar\.gz|has no member)"):
            Cifar10(root=str(tmp_path)).split("train")
    del contents["data_batch_4"]
    path.write_bytes(archive(contents))
    with pytest.raises(DataError, match="has no member data_batch_4; is it the python version of CIFAR-10"):
        Cifar10(root=str(tmp_path)).split("train")


def test_the_archive_is_downloaded(
    tmp_path: Path, contents: Contents, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = archive(contents)
    server.files["/cifar-10-python.tar.gz"] = content

    class Local(Cifar10):
        def _remotes(self) -> Any:
            (remote,), folder = super()._remotes()
            assert remote.urls == ("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",)
            digest = hashlib.sha256(content).hexdigest()
            url = f"{server.url}/cifar-10-python.tar.gz"
            return (module.Remote(remote.name, (url,), len(content), digest),), folder

    source = Local(root=str(tmp_path / "data"))
    assert source.prefetch() == source.prefetch() == [tmp_path / "data" / "cifar-10-python.tar.gz"]
    assert len(source.split("train")) == 20
    assert len(server.requests) == 1
