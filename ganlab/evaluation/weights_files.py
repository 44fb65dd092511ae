"""Files of weights: the one that ships, the one that is downloaded once, and the hashes both must have."""

import hashlib
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO
from urllib.request import urlopen

import torch.hub

from ganlab.atomic import atomic_file
from ganlab.errors import EvaluationError

DIGITS = Path(__file__).parent / "weights" / "digits.pt"  # made by train_classifier.py
DIGITS_SHA256 = "abfe7e04cee3c4273256a7399f0c8a65c4751c65c8391fe0422c2dbd36f5be16"

INCEPTION_URL = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth"
)
INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digits_weights() -> Path:
    """The classifier's weights in the package; raises EvaluationError if they are not what shipped."""
    return _checked(DIGITS, DIGITS_SHA256)


def find_inception_weights(cache: Path) -> Path | None:
    """torch-fidelity's Inception weights in `cache` or in torch.hub's, unread; None if they are in neither."""
    name = INCEPTION_URL.rsplit("/", 1)[1]
    places = (cache / "weights" / name, Path(torch.hub.get_dir()) / "checkpoints" / name)
    return next((path for path in places if path.is_file()), None)


def inception_weights(cache: Path) -> Path:
    """torch-fidelity's Inception weights, downloaded into `cache` once (96 MB) unless torch.hub has them.

    Raises EvaluationError if they cannot be fetched, or are not the official ones.
    """
    if (found := find_inception_weights(cache)) is not None:
        return _checked(found, INCEPTION_SHA256)
    name = INCEPTION_URL.rsplit("/", 1)[1]
    path = cache / "weights" / name
    try:
        with urlopen(INCEPTION_URL, timeout=30) as response, atomic_file(path) as file:
            _download(response, file)
    except (OSError, HTTPException) as error:
        raise EvaluationError(
            f"cannot fetch the weights of inception-v3-compat ({error}): run "
            "'ganlab prefetch evaluation=inception' where there is internet, "
            f"or set evaluation.weights to the path of {name}"
        ) from error
    return path


def _download(source: BinaryIO, target: BinaryIO) -> None:
    digest = hashlib.sha256()
    while chunk := source.read(1 << 20):
        digest.update(chunk)
        target.write(chunk)
    if (found := digest.hexdigest()) != INCEPTION_SHA256:
        raise EvaluationError(f"{INCEPTION_URL} gave a file with sha256 {found}, not {INCEPTION_SHA256}")


def _checked(path: Path, expected: str) -> Path:
    if (found := file_sha256(path)) != expected:
        raise EvaluationError(
            f"{path} has sha256 {found}, the right weights have {expected}: delete the file"
        )
    return path
