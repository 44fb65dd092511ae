"""Kill training runs at random moments and check that they end as if they had never been killed.

    python -m tests.stress_resume --kills 100 [--ranks 2] [--seed 0]

Every round trains one tiny run, one of whose processes is killed (SIGKILL) after a random time, again and
again until it finishes; then its metrics, pictures and newest checkpoint are compared bitwise with those of a
run that was left alone.  The runs save so often that some kills fall into a write.  Prints one JSON object.
"""

import argparse
import json
import platform
import random
import sys
import tempfile
from pathlib import Path

from ganlab.runs import git_commit
from tests.conftest import TINY
from tests.processes import kill_once, leave_alone, left_by_writes
from tests.test_training import assert_same_run

SETTINGS = (
    *TINY, "evaluation=digits", "evaluation.n_fake=60", "budget.images=4800", "evaluation.every=480",
    "checkpoint.every=96", "network.generator.norm=batch",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--ranks", type=int, default=1, help="processes of each run")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance, ranks = random.Random(arguments.seed), arguments.ranks
    kills = rounds = in_a_write = 0
    with tempfile.TemporaryDirectory() as root:
        words = (*SETTINGS, f"run.root={root}")
        leave_alone(ranks, (*words, "run.name=whole"))
        lines = Path(root, "whole", "metrics.jsonl").read_bytes().count(b"\n")
        while kills < arguments.kills:
            rounds += 1
            name = f"round{rounds}"
            folder = Path(root, name)
            for _ in range(4):
                kills += kill_once(ranks, (*words, f"run.name={name}"), folder, lines=lines, chance=chance)
                in_a_write += left_by_writes(folder)
            leave_alone(ranks, (*words, f"run.name={name}"))
            assert_same_run(Path(root, "whole"), folder)
            print(f"{kills} kills, {rounds} runs, all the same", file=sys.stderr, flush=True)
    result = {
        "ranks": ranks,
        "kills": kills,
        "runs": rounds,
        "kills_inside_a_write": in_a_write,
        "different": 0,
    }
    print(
        json.dumps({**result, "commit": git_commit(), "machine": platform.machine(), "seed": arguments.seed})
    )


if __name__ == "__main__":
    main()
