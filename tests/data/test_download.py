"""A download is whole and right, or it is an error and nothing is there."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from ganlab.data.download import Remote, download
from ganlab.errors import DataError

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def remote(*urls: str) -> Remote:
    return Remote("set.gz", urls, len(CONTENT), SHA256)


def refusal(remote: Remote, folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        download(remote, folder, otherwise="buy a disk")
    sentence = str(caught.value)
    assert sentence.endswith("; buy a disk")
    assert "\n" not in sentence
    assert not folder.exists() or not list(folder.iterdir())
    return sentence


def test_a_file_is_fetched_whole(server: Any, tmp_path: Path) -> None:
    server.files["/set.gz"] = CONTENT
    path = download(remote(f"{server.url}/set.gz"), tmp_path / "new" / "folder", otherwise="")
    assert path == tmp_path / "new" / "folder" / "set.gz"
    assert path.read_bytes() == CONTENT
    assert [file.name for file in path.parent.iterdir()] == ["set.gz"]


def test_the_next_place_is_tried(server: Any, tmp_path: Path) -> None:
    server.files |= {"/2/set.gz": b"<html>log in first</html>", "/3/set.gz": CONTENT}
    download(remote(*(f"{server.url}/{i}/set.gz" for i in (1, 2, 3, 4))), tmp_path, otherwise="")
    assert server.requests == ["/1/set.gz", "/2/set.gz", "/3/set.gz"]
    assert (tmp_path / "set.gz").read_bytes() == CONTENT


def test_a_wrong_checksum_is_refused(server: Any, tmp_path: Path) -> None:
    server.files["/set.gz"] = bytes(len(CONTENT))
    sentence = refusal(remote(f"{server.url}/set.gz"), tmp_path / "data")
    wrong = hashlib.sha256(bytes(len(CONTENT))).hexdigest()
    assert f"/set.gz: SHA-256 {wrong[:12]}... instead of {SHA256[:12]}..." in sentence


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (CONTENT[:1000], "1,000 bytes instead of 1,024,000"),
        (CONTENT + b"x", "more bytes instead of 1,024,000"),
    ],
)
def test_a_wrong_size_is_refused(server: Any, tmp_path: Path, content: bytes, reason: str) -> None:
    server.files["/set.gz"] = content
    assert reason in refusal(remote(f"{server.url}/set.gz"), tmp_path / "data")


def test_a_connection_that_breaks_off_is_refused(server: Any, tmp_path: Path) -> None:
    server.files["/set.gz"], server.promised = CONTENT[:300_000], len(CONTENT)
    assert "/set.gz: " in refusal(remote(f"{server.url}/set.gz"), tmp_path / "data")


def test_a_server_that_is_down_or_has_no_such_file_is_named(server: Any, tmp_path: Path) -> None:
    assert "/set.gz: Not Found" in refusal(remote(f"{server.url}/set.gz"), tmp_path / "data")
    sentence = refusal(remote("http://127.0.0.1:1/set.gz"), tmp_path / "data")
    assert sentence.startswith(f"cannot download set.gz to {tmp_path / 'data'} (http://127.0.0.1:1/set.gz: ")
    assert "Connection refused" in sentence


def test_a_folder_that_cannot_be_written_is_named(server: Any, tmp_path: Path) -> None:
    server.files["/set.gz"] = CONTENT
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot write into .*file/data \(Not a directory\); buy a disk"):
        download(remote(f"{server.url}/set.gz"), tmp_path / "file" / "data", otherwise="buy a disk")
