"""Real processes that talk over gloo, started quickly: from a server that has imported everything already."""

import multiprocessing
import os
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Any

import pytest

_PATIENCE = 240.0  # seconds until a group of processes that has not answered counts as hung


@pytest.fixture(scope="session")
def ranks() -> Callable[..., list[Any]]:
    """Call a function of a test module in several connected processes; what each returns, in rank order."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ganlab", "ganlab.training"])  # in this order

    def call(size: int, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        answers = context.Queue()
        port = _free_port()
        processes = [
            context.Process(target=_rank, args=(rank, size, port, answers, function, arguments), daemon=True)
            for rank in range(size)
        ]
        for process in processes:
            process.start()
        results: dict[int, Any] = {}
        try:
            for _ in processes:
                rank, result, problem = answers.get(timeout=_PATIENCE)
                assert not problem, f"rank {rank}:\n{problem}"
                results[rank] = result
        finally:
            for process in processes:
                process.join(10 if len(results) == size else 0.1)
                process.kill()
        return [results[rank] for rank in range(size)]

    return call


def _rank(
    rank: int, size: int, port: int, answers: Any, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    os.environ |= {
        "TORCHELASTIC_RUN_ID": "test", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GROUP_RANK": "0",
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_WORLD_SIZE": str(size),
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
