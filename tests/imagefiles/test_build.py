"""A cache is made once, of exactly the images that can be read, and found again by their content."""

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ganlab.imagefiles import build, pool
from ganlab.imagefiles.build import decoded, list_of_unreadable
from ganlab.imagefiles.decode import Target
from ganlab.imagefiles.files import Folder
from tests.imagefiles.caches import TARGET, Maker, expected, left, pixels


@pytest.fixture
def no_decoding(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From when it is called, decoding anything fails the test."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("decoded again")

    return lambda: monkeypatch.setattr(build, "decode_all", refuse)


@pytest.mark.parametrize("workers", [1, 3])
def test_images_are_decoded_in_the_order_of_their_names(
    make_folder: Maker, tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "CHUNK", 7)
    root = make_folder({f"{i % 3}/{i}.png": i for i in range(40)})
    cache = decoded(root, TARGET, folder=tmp_path / "cache", workers=workers)
    assert list(cache.names) == sorted(f"{i % 3}/{i}.png" for i in range(40))
    np.testing.assert_array_equal(pixels(cache), expected(root, cache.names))
    assert cache.unreadable == ()
    assert left(tmp_path / "cache") == [".images", ".index"]


@pytest.mark.parametrize("workers", [1, 2])
def test_unreadable_files_leave_no_gaps_and_are_listed(
    make_folder: Maker, tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "CHUNK", 4)
    bad: dict[str, str | int] = {"00.png": "text", "05.png": "", "06.png": "text", "19.png": "x"}
    root = make_folder({f"{i:02}.png": i for i in range(20)} | bad)
    cache = decoded(root, TARGET, folder=tmp_path / "cache", workers=workers)
    assert len(cache.names) == 16
    assert not set(cache.names) & set(bad)
    assert dict(cache.unreadable) == {"05.png": "empty"} | dict.fromkeys(
        ["00.png", "06.png", "19.png"], "not an image"
    )
    np.testing.assert_array_equal(pixels(cache), expected(root, cache.names))
    assert list_of_unreadable(cache.path).read_text().splitlines()[1] == "05.png: empty"


def test_a_second_call_a_copy_and_a_touched_folder_decode_nothing(
    make_folder: Maker, tmp_path: Path, no_decoding: Callable[[], None]
) -> None:
    root, folder = make_folder({f"{i}.png": i for i in range(5)}), tmp_path / "cache"
    first = decoded(root, TARGET, folder=folder)
    no_decoding()
    assert decoded(root, TARGET, folder=folder) == first
    copy = shutil.copytree(root, tmp_path / "copy", copy_function=shutil.copyfile)
    assert decoded(copy, TARGET, folder=folder) == first
    os.utime(root / "3.png")
    assert decoded(root, TARGET, folder=folder) == first


@pytest.mark.parametrize("workers", [1, 2])
def test_a_zip_holds_the_same_images_as_its_folder(
    make_folder: Maker, tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "CHUNK", 2)
    root = make_folder({f"{i}/{i}.png": i for i in range(5)})
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        for path in sorted(root.rglob("*.png"), reverse=True):
            archive.write(path, path.relative_to(root))
    zipped = decoded(tmp_path / "z.zip", TARGET, folder=tmp_path / "cache", workers=workers)
    np.testing.assert_array_equal(pixels(zipped), expected(root, zipped.names))
    assert decoded(root, TARGET, folder=tmp_path / "cache") == zipped


def test_other_content_and_other_targets_are_decoded_anew(make_folder: Maker, tmp_path: Path) -> None:
    root, folder = make_folder({"a.png": 1, "b.png": 2}), tmp_path / "cache"
    paths = {
        decoded(root, target, folder=folder).path for target in (TARGET, Target(9, 3, 4), Target(8, 1, 4))
    }
    (root / "a.png").write_bytes((root / "b.png").read_bytes())
    changed = decoded(root, TARGET, folder=folder)
    assert len(paths | {changed.path}) == 4
    np.testing.assert_array_equal(pixels(changed)[0], pixels(changed)[1])


def break_truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def break_garbled(content: bytes) -> bytes:
    return content.replace(b'"names"', b'"n\xff\xffes"')


def break_version(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] + 1])


def break_short(content: bytes) -> bytes:
    return content[1:]


@pytest.mark.parametrize(
    "damage", [break_truncated, break_garbled, break_version, break_short, lambda _: b""]
)
def test_a_damaged_or_older_cache_is_made_again(
    make_folder: Maker, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    root, folder = make_folder({f"{i}.png": i for i in range(5)}), tmp_path / "cache"
    path = decoded(root, TARGET, folder=folder).path
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert decoded(root, TARGET, folder=folder).path == path
    assert path.read_bytes() == whole
    next(folder.glob("*.index")).write_text("{")
    assert decoded(root, TARGET, folder=folder).path == path
    assert left(folder) == [".images", ".index"]


def test_files_that_may_not_be_read_are_skipped_and_tried_again(
    make_folder: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_decoding: Callable[[], None]
) -> None:
    root, folder = make_folder({"a.png": 1, "b.png": 2}), tmp_path / "cache"
    read = Folder.read

    def forbid(files: Folder, name: str) -> bytes:
        if name == "a.png":
            raise PermissionError(13, "Permission denied")
        return read(files, name)

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "read", forbid)
        first = decoded(root, TARGET, folder=folder)
        assert first.unreadable == (("a.png", "Permission denied"),)
        patch.setattr(build, "decode_all", None)
        assert decoded(root, TARGET, folder=folder) == first
    assert decoded(root, TARGET, folder=folder).names == ("a.png", "b.png")
