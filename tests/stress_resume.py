"""Kill training runs at random moments and check that they end as if they had never been killed.

    python -m tests.stress_resume --kills 100 [--seed 0]

Every round trains one tiny run in processes of their own, each killed (SIGKILL) after a random time, until
one finishes; then its metrics, pictures and newest checkpoint are compared bitwise with those of a run that
was left alone.  Prints one JSON object.
"""

import argparse
import json
import platform
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ganlab.runs import git_commit
from tests.conftest import TINY
from tests.test_training import assert_same_run

SETTINGS = [*TINY, "evaluation=digits", "evaluation.n_fake=60", "budget.images=4800", "evaluation.every=240"]


def start(name: str, root: str) -> subprocess.Popen:
    words = [sys.executable, "-m", "ganlab", "train", *SETTINGS, f"run.name={name}", f"run.root={root}"]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen) -> None:
    _, said = process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"a run failed by itself:\n{said}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    kills = rounds = after_a_checkpoint = 0
    with tempfile.TemporaryDirectory() as root:
        started = time.monotonic()
        finish(start("whole", root))
        alone = time.monotonic() - started
        while kills < arguments.kills:
            rounds += 1
            name = f"round{rounds}"
            for _ in range(4):
                process = start(name, root)
                try:
                    process.wait(timeout=chance.uniform(0.4, 1.0) * alone)
                    finish(process)
                    break
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.communicate()
                    kills += 1
                    after_a_checkpoint += any(Path(root, name, "checkpoints").glob("[0-9]*.ckpt"))
            finish(start(name, root))
            assert_same_run(Path(root, "whole"), Path(root, name))
            print(f"{kills} kills, {rounds} runs, all the same", file=sys.stderr)
    result = {"kills": kills, "runs": rounds, "kills_after_a_checkpoint": after_a_checkpoint, "different": 0}
    print(
        json.dumps({**result, "commit": git_commit(), "machine": platform.machine(), "seed": arguments.seed})
    )


if __name__ == "__main__":
    main()
