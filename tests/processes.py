"""Real processes that talk over gloo, started quickly: by a server that has imported everything already."""

import contextlib
import multiprocessing
import os
import queue
import random
import socket
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

_PATIENCE = 240.0  # seconds until processes that have not answered count as hung
_ORPHANED = 60.0  # seconds within which all have to end when one has died


@cache
def _server() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ganlab", "ganlab.training"])  # in this order
    return context


class Group:
    """A function called in several processes, which find each other as if torchrun had started them.

    Use it as a context: at its end no process is left.
    """

    def __init__(self, size: int, function: Callable[..., Any], *arguments: Any) -> None:
        self._answers = _server().Queue()
        port = _free_port()
        self.processes = [
            _server().Process(
                target=_rank, args=(rank, size, port, self._answers, function, arguments), daemon=True
            )
            for rank in range(size)
        ]
        for process in self.processes:
            process.start()

    def __enter__(self) -> "Group":
        return self

    def __exit__(self, *exception: object) -> None:
        for process in self.processes:
            process.kill()
            process.join()

    def results(self) -> list[Any]:
        """What the function returns on every rank; AssertionError with the traceback if it raises."""
        results: dict[int, Any] = {}
        for _ in self.processes:
            rank, result, problem = self._answers.get(timeout=_PATIENCE)
            assert not problem, f"rank {rank}:\n{problem}"
            results[rank] = result
        for process in self.processes:
            process.join(_ORPHANED)
        return [results[rank] for rank in range(len(self.processes))]

    def wait(self, seconds: float) -> bool:
        """Whether all processes end within this time."""
        end = time.monotonic() + seconds
        while any(process.is_alive() for process in self.processes):
            with contextlib.suppress(queue.Empty):  # an unread answer keeps its process alive
                self._answers.get_nowait()
            if time.monotonic() > end:
                return False
            time.sleep(0.002)
        return True

    def kill(self, rank: int) -> list[int]:
        """SIGKILL one process; the exit codes of all, which have to end by themselves."""
        self.processes[rank].kill()
        assert self.wait(_ORPHANED), f"{_ORPHANED:.0f} s after rank {rank} died, another rank still runs"
        return [process.exitcode for process in self.processes]


def _rank(
    rank: int, size: int, port: int, answers: Any, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    if size > 1:
        os.environ |= {
            "TORCHELASTIC_RUN_ID": "test", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
            "GROUP_RANK": "0", "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size),
            "LOCAL_WORLD_SIZE": str(size),
        }  # fmt: skip
    import torch

    torch.set_num_threads(1)
    try:
        answers.put((rank, function(*arguments), ""))
    except BaseException:
        answers.put((rank, None, traceback.format_exc()))
        sys.exit(1)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def train(words: Sequence[str]) -> str:
    """Train in this process; the state in which the run ends."""
    import ganlab
    from ganlab import config

    return ganlab.train(config.compose(list(words))).summary["state"]


def kill_once(size: int, words: Sequence[str], run: Path, *, lines: int, chance: random.Random) -> bool:
    """Train, killing one rank at a random moment; False if the run is finished before that.

    The moment comes after the ranks have met: who dies before that is for the launcher to notice, which a
    `Group` is not.

    Args:
        run: its folder.
        lines: of metrics.jsonl where nobody kills it; the moment comes after a random one of the first 4/5.
    """
    from ganlab.runs import RunFolder

    folder, line = RunFolder(run), chance.randrange(lines * 4 // 5)
    starts = len(folder.starts)
    with Group(size, train, words) as group:
        while len(folder.starts) == starts or sum(1 for _ in folder.read_metrics()) < line:
            if group.wait(0.005):
                return False
        if group.wait(chance.uniform(0, 0.5)):
            return False
        codes = group.kill(chance.randrange(size))
        assert all(codes), f"a rank of a killed run ended with exit code 0: {codes}"
    return True


def leave_alone(size: int, words: Sequence[str]) -> None:
    """Train to the end."""
    with Group(size, train, words) as group:
        assert set(group.results()) == {"finished"}


def left_by_writes(run: Path) -> int:
    """Files that a kill has left half written."""
    return len(list(run.rglob(".*.part")))
