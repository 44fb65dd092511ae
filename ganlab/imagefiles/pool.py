"""Decoding on all cores: one worker process per core, chunks handed out as they come back."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import ganlab
from ganlab.errors import DataError
from ganlab.imagefiles.worker import Decoder, Job, Report

CHUNK = 64  # files a worker is given at a time


def available_cores() -> int:
    """Cores this process may run on, which on a cluster is fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def decode_all(job: Job, names: Sequence[str], *, workers: int) -> Iterator[Report]:
    """Decode files, the i-th into row i of the job's file; yields a report per `CHUNK` files, in order.

    A single worker, or work for no more than one, is done in this process.

    Raises:
        DataError: a file vanished, the disk is full, or a worker died.
    """
    chunks = [(start, list(names[start : start + CHUNK])) for start in range(0, len(names), CHUNK)]
    workers = min(workers, len(chunks))
    if workers > 1:
        yield from _in_processes(job, chunks, workers)
        return
    decoder = Decoder(job)
    try:
        for start, chunk in chunks:
            yield decoder(start, chunk)
    finally:
        decoder.close()


def _in_processes(job: Job, chunks: list[tuple[int, list[str]]], workers: int) -> Iterator[Report]:
    idle: SimpleQueue[_Worker] = SimpleQueue()
    started: list[_Worker] = []

    def decode(chunk: tuple[int, list[str]]) -> Report:
        worker = idle.get()
        try:
            return worker(*chunk)
        finally:
            idle.put(worker)

    threads = ThreadPoolExecutor(workers)
    try:
        for _ in range(workers):
            started.append(_Worker(job))
            idle.put(started[-1])
        yield from threads.map(decode, chunks)
    finally:
        for worker in started:
            worker.process.kill()
        threads.shutdown(cancel_futures=True)
        for worker in started:
            worker.process.communicate()


class _Worker:
    """One process that decodes; a call blocks the calling thread until its chunk is done."""

    def __init__(self, job: Job) -> None:
        package = str(Path(ganlab.__file__).parent.parent)
        path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "ganlab.imagefiles.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # the C libraries below Pillow print their warnings there
            env={**os.environ, "PYTHONPATH": path},
            text=True,
        )
        self._send(job)

    def __call__(self, start: int, names: list[str]) -> Report:
        self._send((start, names))
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            raise DataError(f"a decoding process died (exit code {code}) between {names[0]} and {names[-1]}")
        answer = json.loads(line)
        if isinstance(answer, str):
            raise DataError(answer)
        return Report(*answer)

    def _send(self, message: object) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(message) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return  # the answer that does not come says so
