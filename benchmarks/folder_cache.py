"""How fast a folder becomes a cache of decoded images, against Pillow alone on the same cores in the same run.

Makes JPEGs of 256 pixels in a temporary folder, then alternates: a bare pool of processes that opens, converts and
resizes every file and throws the pixels away; and ganlab, which also hashes the files and writes the cache.  Last,
the second start, and a training loop that streams the images while it computes.  On a machine that others use,
the ratio of CPU times is the steadier one.

    python benchmarks/folder_cache.py [--images 10000] [--resolution 64] [--rounds 3]
"""

import argparse
import logging
import multiprocessing
import os
import platform
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from PIL import __version__ as pillow_version

from ganlab.imagefiles.build import decoded
from ganlab.imagefiles.decode import Target
from ganlab.imagefiles.pool import available_cores

SIDE = 256


def make_jpeg(root: Path, i: int) -> None:
    """Smooth colours with a little noise, about 23 kB, as photographs of this size have."""
    rng = np.random.default_rng(i)
    smooth = Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).resize((SIDE, SIDE))
    noisy = np.asarray(smooth).astype(np.int16) + rng.integers(-12, 13, (SIDE, SIDE, 1), dtype=np.int16)
    path = root / f"{i % 100:02}" / f"{i:06}.jpg"
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path, quality=90)


def decode_barely(resolution: int, path: str) -> None:
    with Image.open(path) as image:
        image.convert("RGB").resize((resolution, resolution), Image.Resampling.BICUBIC).tobytes()


def bare_pool(paths: list[str], resolution: int) -> None:
    with multiprocessing.get_context("fork").Pool(available_cores()) as pool:
        for _ in pool.imap_unordered(partial(decode_barely, resolution), paths, chunksize=64):
            pass


class Cost(NamedTuple):
    """What an action took: seconds by the clock, and of all cores together with those of child processes."""

    wall: float
    cpu: float


def cost(action: Callable[[], object]) -> Cost:
    def cpu() -> float:
        usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(usage.ru_utime + usage.ru_stime for usage in usages)

    began, used = time.perf_counter(), cpu()
    action()
    return Cost(time.perf_counter() - began, cpu() - used)


def measure_building(root: Path, folder: Path, resolution: int, rounds: int) -> None:
    paths = [str(path) for path in sorted(root.rglob("*.jpg"))]
    target = Target(resolution, 3, 8)
    build = partial(decoded, root, target, folder=folder)
    bare_pool(paths, resolution)  # files into memory, clocks up
    ratios = []
    for i in range(rounds):
        shutil.rmtree(folder, ignore_errors=True)
        actions = {"bare": partial(bare_pool, paths, resolution), "ganlab": build}
        costs = {name: cost(actions[name]) for name in (["bare", "ganlab"] if i % 2 else ["ganlab", "bare"])}
        bare, ours = costs["bare"], costs["ganlab"]
        ratios.append(bare.wall / ours.wall)
        print(
            f"round {i + 1}: Pillow alone {len(paths) / bare.wall:6.0f} images/s,"
            f" ganlab {len(paths) / ours.wall:6.0f} images/s, ratio {ratios[-1]:.2f};"
            f" CPU time {bare.cpu:.1f} s and {ours.cpu:.1f} s, ratio {bare.cpu / ours.cpu:.2f}"
        )
    print(f"ratio: median {statistics.median(ratios):.2f}, lowest {min(ratios):.2f} (wanted: at least 0.80)")
    print(f"second start: {cost(build).wall:.2f} s (wanted: below 2 s)")


def measure_streaming(root: Path, folder: Path, resolution: int) -> None:
    """Steps of D-like work on streamed batches: how long they wait for data, and what the work alone takes."""
    import torch
    from torch import nn

    from ganlab.data import ImageFolder, StreamingLoader, to_float

    data = ImageFolder(root=str(root), resolution=resolution, cache=str(folder)).split("train")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net = nn.Sequential(
        nn.Conv2d(3, 16, 4, 4), nn.LeakyReLU(), nn.Conv2d(16, 32, 4, 4), nn.Flatten(), nn.LazyLinear(1)
    )
    net.to(device)
    steps = 200
    loader = StreamingLoader(
        data, batch_size=64, micro_batches=1, seed=0, position=0, steps=steps, device=device, flip=True
    )
    began = time.perf_counter()
    for x in loader:
        net(to_float(x[0])).mean().backward()
    if device.type == "cuda":
        torch.cuda.synchronize()
    total = time.perf_counter() - began
    print(
        f"streaming on {device.type}: {steps} steps of 64 images, {steps * 64 / total:.0f} images/s,"
        f" waited {loader.waited:.3f} s of {total:.2f} s for data"
    )


def describe_machine() -> str:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    cpu = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "?")
    return (
        f"{date.today()}, commit {commit.stdout.strip()}, {cpu.partition(': ')[2]}, {available_cores()} cores,"
        f" load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}, Pillow {pillow_version}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    print(describe_machine())
    with tempfile.TemporaryDirectory() as temporary:
        root, folder = Path(temporary) / "jpegs", Path(temporary) / "cache"
        root.mkdir()
        with multiprocessing.get_context("fork").Pool(available_cores()) as pool:
            pool.map(partial(make_jpeg, root), range(arguments.images), chunksize=100)
        print(f"{arguments.images} JPEGs of {SIDE} pixels to {arguments.resolution} pixels")
        measure_building(root, folder, arguments.resolution, arguments.rounds)
        measure_streaming(root, folder, arguments.resolution)


if __name__ == "__main__":
    main()
