"""What counts as an image file, and which folders and zips are refused."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ganlab.errors import DataError
from ganlab.imagefiles.files import ENDINGS, is_image_name, open_images

Maker = Callable[..., Path]


def names(root: Path) -> list[str]:
    return [file.name for file in open_images(root).listed()]


def make_zip(path: Path, members: dict[str, bytes], **options: int) -> Path:
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_images_are_found_in_all_subfolders_and_sorted(make_folder: Maker) -> None:
    files = ["b.PNG", "a/c.jpeg", "a/deep/er/d.webp", "a.tif"]
    others = ["notes.txt", "a/labels.csv", ".hidden.png", ".cache/e.png", "__MACOSX/a.png", "Thumbs.db"]
    root = make_folder(dict.fromkeys(files + others, "x"))
    assert names(root) == sorted(files)
    assert names(make_zip(root / "z.zip", dict.fromkeys(files + others, b"x"))) == sorted(files)


def test_a_file_that_changes_has_another_size_or_stamp(make_folder: Maker) -> None:
    root = make_folder({"a.png": "12", "b.png": "34"})
    before = open_images(root).listed()
    (root / "a.png").write_text("56")
    after = open_images(root).listed()
    assert before[0] != after[0]
    assert before[1] == after[1]
    zips = [make_zip(root / f"{content}.zip", {"a.png": content.encode()}) for content in ("12", "56")]
    assert open_images(zips[0]).listed() != open_images(zips[1]).listed()


def test_links_are_followed_once(make_folder: Maker, tmp_path: Path) -> None:
    elsewhere = make_folder({"c.png": "c"}, "elsewhere")
    root = make_folder({"a/b.png": "b"})
    (root / "a" / "up").symlink_to(root)
    (root / "linked").symlink_to(elsewhere)
    (root / "nowhere.png").symlink_to(root / "missing.png")
    (root / "itself.png").symlink_to(root / "itself.png")
    assert names(root) == ["a/b.png", "linked/c.png"]


@pytest.mark.parametrize("files", [{}, {"a.txt": "a", "b/c.txt": "c"}, {"folder.png/readme": ""}])
def test_a_folder_or_zip_without_images_is_refused(make_folder: Maker, files: dict[str, str]) -> None:
    root = make_folder(files)
    for path in (root, make_zip(root.parent / "z.zip", dict.fromkeys(files, b""))):
        with pytest.raises(DataError, match=rf"{path} holds no images \(files ending in \.jpg, "):
            names(path)


def test_what_is_neither_folder_nor_zip_is_refused(make_folder: Maker) -> None:
    root = make_folder({"a.txt": "a"})
    with pytest.raises(DataError, match=r"there is no folder and no zip .*/missing"):
        open_images(root / "missing")
    with pytest.raises(DataError, match=r"a\.txt is neither a folder nor a zip"):
        open_images(root / "a.txt")


@pytest.mark.parametrize(
    "name", ["../evil.png", "a/../../evil.png", "/etc/evil.png", "C:/evil.png", "..\\evil.png"]
)
def test_a_zip_that_points_outside_is_refused(tmp_path: Path, name: str) -> None:
    path = make_zip(tmp_path / "z.zip", {"good.png": b"", name: b""})
    with pytest.raises(DataError, match=r"z\.zip is refused: its member .*evil\.png' points outside the zip"):
        names(path)
    assert [file.name for file in tmp_path.iterdir()] == ["z.zip"]


def test_damaged_zips_and_members_are_errors_in_words(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "z.zip", {"a.png": b"abcdef" * 100, "b.png": b"b"})
    content = bytearray(path.read_bytes())
    content[60] ^= 255  # inside a.png
    path.write_bytes(content)
    files = open_images(path)
    assert files.read("b.png") == b"b"
    with pytest.raises(ValueError, match="damaged in the zip"):
        files.read("a.png")
    end = content.index(b"PK\1\2")
    content[end + 4 : end + 30] = bytes(26)
    content[end] ^= 255
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"z\.zip cannot be read as a zip: "):
        names(path)


def test_a_member_that_promises_gigabytes_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganlab.imagefiles.files._LARGEST", 1000)
    path = make_zip(tmp_path / "z.zip", {"a.png": bytes(1001)}, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="larger than 1 GiB"):
        open_images(path).read("a.png")


def test_endings_are_lower_case_and_decide() -> None:
    assert all(ending == ending.lower() for ending in ENDINGS)
    assert is_image_name("a b/c.JPG")
    assert not is_image_name("a/.b/c.jpg")
    assert not is_image_name("png")
