"""What several processes cost: an iteration of N ranks against one of a single process with the same batch per rank.

    python -m benchmarks.scaling [--ranks 2] [--rounds 5] [--steps 30] [key=value ...]

A B A B ...: every round trains alone and together, one thread a process (one GPU a process with
trainer.accelerator=gpu).  N ranks see N times the images in an iteration; without any overhead its time would
be the same.  The time in gradient synchronisation is what rank 0 spends in it, waiting for the slowest rank
included.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import socket
import statistics
import time
from typing import Any

from benchmarks.harness import save, table

SETTINGS = [
    "data.resolution=32", "data.batch_size=32", "evaluation=none", "wandb.mode=disabled",
    "network.generator.width=32", "network.discriminator.width=32",
]  # fmt: skip


def measure(ranks: int, steps: int, words: list[str]) -> tuple[float, float]:
    """Median seconds of an iteration, and of the gradient synchronisation in it, as rank 0 sees them."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [
        context.Process(target=_rank, args=(rank, ranks, port, steps, words, answers))
        for rank in range(ranks)
    ]
    for process in processes:
        process.start()
    answer = answers.get(timeout=600)
    for process in processes:
        process.join()
    return answer


def _rank(rank: int, ranks: int, port: int, steps: int, words: list[str], answers: Any) -> None:
    if ranks > 1:
        os.environ |= {
            "TORCHELASTIC_RUN_ID": "scaling", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
            "GROUP_RANK": "0", "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(ranks),
            "LOCAL_WORLD_SIZE": str(ranks),
        }  # fmt: skip
    import ganlab  # noqa: F401  before lightning

    # isort: split
    import lightning as L
    import torch

    from ganlab import config
    from ganlab.parts import build
    from ganlab.trainer import connect, make_trainer

    torch.set_num_threads(1)
    iterations: list[float] = []
    synchronising: list[float] = []

    class Watch(L.Callback):
        def on_train_batch_start(self, *_: Any) -> None:
            synchronising.append(0.0)
            self.started = time.perf_counter()

        def on_train_batch_end(self, *_: Any) -> None:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            iterations.append(time.perf_counter() - self.started)

    cfg = config.compose([*SETTINGS, *words])
    cfg.budget.images = (steps + 5) * cfg.data.batch_size * ranks * cfg.game.n_critic
    parts, trainer = build(cfg), make_trainer(cfg)
    parts.gan.ranks = connect(trainer)
    real = parts.gan.ranks.average_gradients

    def timed(parameters: Any) -> None:
        before = time.perf_counter()
        real(parameters)
        synchronising[-1] += time.perf_counter() - before

    parts.gan.ranks.average_gradients = timed  # type: ignore[method-assign]
    trainer.callbacks.append(Watch())
    with contextlib.redirect_stderr(None):
        trainer.fit(parts.gan, parts.data)
    if rank == 0:
        answers.put((statistics.median(iterations[5:]), statistics.median(synchronising[5:])))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=30, help="timed iterations of every run")
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/scaling.md")
    parser.add_argument("words", nargs="*", metavar="key=value")
    arguments = parser.parse_args()
    rounds = []
    for _ in range(arguments.rounds):
        alone, _ = measure(1, arguments.steps, arguments.words)
        together, synchronising = measure(arguments.ranks, arguments.steps, arguments.words)
        rounds.append((alone, together, synchronising))
        print(f"alone {alone * 1e3:.1f} ms, together {together * 1e3:.1f} ms", flush=True)
    ratios = [alone / together for alone, together, _ in rounds]
    shares = [synchronising / together for _, together, synchronising in rounds]
    rows = [
        ("iteration of one process, ms", *_spread([alone * 1e3 for alone, _, _ in rounds], ".1f")),
        (f"iteration of {arguments.ranks} ranks, ms", *_spread([t * 1e3 for _, t, _ in rounds], ".1f")),
        ("efficiency: alone / together", *_spread(ratios, ".3f")),
        ("share in gradient synchronisation", *_spread(shares, ".3f")),
    ]
    text = table(("", "median", "lowest", "highest"), rows)
    print(text)
    if arguments.save:
        from benchmarks.harness import provenance

        command = f"scaling --ranks {arguments.ranks} --rounds {arguments.rounds} --steps {arguments.steps}"
        where = provenance(" ".join([command, *arguments.words]), workers=arguments.ranks)
        where["command"] = where["command"].rpartition(" --workers")[0]
        head = "# Several processes against one\n\nThe same batch per rank, gloo or NCCL on one host.\n\n"
        source = "\n\n```json\n" + json.dumps(where, indent=1) + "\n```"
        save("scaling", {"provenance": where, "rounds": rounds}, head + text + source)


def _spread(values: list[float], form: str) -> tuple[str, str, str]:
    return tuple(format(f(values), form) for f in (statistics.median, min, max))  # type: ignore[return-value]


if __name__ == "__main__":
    main()
