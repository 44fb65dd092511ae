"""Decoding a list of files into rows of one file of pixels, here or in a process of its own.

``python -m ganlab.imagefiles.worker`` reads a `Job` and then chunks of work from stdin, one JSON line each,
and answers every chunk with one line.  It is no `multiprocessing` worker: that would import the caller's main
module again, or fork it with torch's threads running, and its pool waits for ever for one that was killed.
"""

import hashlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import NamedTuple

from ganlab.errors import DataError
from ganlab.imagefiles.decode import Target, UnreadableError, decode
from ganlab.imagefiles.files import ImageFiles, open_images


class Job(NamedTuple):
    """Where the files lie, where the pixels go, and what they become."""

    root: str
    out: str
    resolution: int
    channels: int
    smallest: int

    @property
    def target(self) -> Target:
        return Target(self.resolution, self.channels, self.smallest)


class Report(NamedTuple):
    """What came of a chunk.

    Attributes:
        digests: hash of the bytes of each file; "" if they could not be read.
        unreadable: (row, reason) of the files without pixels.
        moving: animated files, of which the first frame was taken.
    """

    digests: list[str]
    unreadable: list[tuple[int, str]]
    moving: int


def fetch(files: ImageFiles, name: str) -> tuple[bytes, str]:
    """Bytes and digest of one file.

    Raises:
        DataError: it is not there any more.
        UnreadableError: it is there, and its bytes cannot be had.
    """
    try:
        data = files.read(name)
    except FileNotFoundError:
        raise DataError(f"{name} disappeared from {files.root} while it was being read") from None
    except OSError as error:
        raise UnreadableError(error.strerror or str(error)) from None
    except ValueError as error:
        raise UnreadableError(str(error)) from None
    return data, hashlib.blake2b(data, digest_size=16).hexdigest()


class Decoder:
    """Decodes chunks of one job, each image into its row of the job's file."""

    def __init__(self, job: Job) -> None:
        self.files, self.target = open_images(job.root), job.target
        self.out, self.out_path = os.open(job.out, os.O_WRONLY), job.out

    def __call__(self, start: int, names: Sequence[str]) -> Report:
        """Decode the files of rows start, start + 1, ...; DataError if one vanished or a disk is full."""
        report = Report([], [], 0)
        moving = 0
        for row, name in enumerate(names, start):
            digest = ""
            try:
                data, digest = fetch(self.files, name)
                pixels, is_moving = decode(data, self.target)
            except UnreadableError as reason:
                report.unreadable.append((row, str(reason)))
            else:
                self._write(row, pixels)
                moving += is_moving
            report.digests.append(digest)
        return report._replace(moving=moving)

    def close(self) -> None:
        os.close(self.out)

    def _write(self, row: int, pixels: bytes) -> None:
        offset, rest = row * self.target.size, memoryview(pixels)
        try:
            while rest:
                written = os.pwrite(self.out, rest, offset)
                offset, rest = offset + written, rest[written:]
        except OSError as error:
            raise DataError(f"cannot write decoded images to {self.out_path}: {error.strerror}") from error


def main() -> None:
    """Serve one parent until it closes our stdin."""
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # SLURM sends it to all processes of a job
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which then closes our stdin
    job, decoder = Job(*json.loads(sys.stdin.readline())), None
    for line in sys.stdin:
        try:
            decoder = decoder or Decoder(job)
            answer = json.dumps(decoder(*json.loads(line)))
        except DataError as error:
            answer = json.dumps(str(error))
        print(answer, flush=True)


if __name__ == "__main__":
    main()
