"""What evaluating costs beyond the extractor itself, and what a second evaluation on the same reference saves.

Alternates, in one process: a bare loop over the extractor on the same batches, and an evaluation of as many samples
whose reference is known; then what a second evaluation of the default metrics, in fresh objects, spends on the reference,
hashing of images and weights included; and the Frechet distance at 2048 dimensions.

    python benchmarks/evaluation.py [--extractor efficientnet-lite0] [--images 512] [--batch 64] [--rounds 5]
    python benchmarks/evaluation.py --extractor inception-v3-compat --images 10000      on a GPU
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

import ganlab  # noqa: F401  before torch_fidelity
from ganlab.data import DataSource, TensorSet
from ganlab.evaluation import ImageEvaluation, usable_device
from ganlab.evaluation.extractors import load_extractor
from ganlab.evaluation.frechet import MomentSum, frechet_distance, symmetric_root
from ganlab.evaluation.shards import Shards
from ganlab.evaluation.weights_files import file_sha256


class Noise(DataSource):
    """RGB noise of 32 pixels, a fifth as much of it held out."""

    name, shape, splits = "noise", (3, 32, 32), ("train", "held_out")

    def __init__(self, n: int) -> None:
        self.x = {"train": noise(n, seed=0), "held_out": noise(max(2, n // 5), seed=2)}

    def _load(self, split: str) -> TensorSet:
        return TensorSet(f"noise/{split}", self.x[split])


def noise(n: int, *, seed: int) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 3, 32, 32), dtype=torch.uint8, generator=draw)


def seconds(action: Callable[[], object], device: torch.device) -> float:
    began = time.perf_counter()
    action()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def throughput(arguments: argparse.Namespace, device: torch.device, cache: Path) -> None:
    fake, n = noise(arguments.images, seed=1).to(device), arguments.images
    options = {"extractor": arguments.extractor, "weights": arguments.weights}
    data = Noise(arguments.images)
    evaluation = ImageEvaluation(data=data, cache=cache, n_fake=n, batch_size=arguments.batch, **options)
    metrics = evaluation.choose(["fid"])
    extractor = load_extractor(arguments.extractor, weights=evaluation.weights, cache=evaluation.cache).to(
        device
    )

    def measure(which: ImageEvaluation = evaluation) -> None:
        which(lambda numbers: fake[numbers.start : numbers.stop], device=device, metrics=metrics)

    def bare() -> None:
        for x in fake.split(arguments.batch):
            extractor(x)

    first = seconds(measure, device)
    reference = evaluation._reference_of("moments", device, Shards(), None)
    assert reference is not None
    print(f"first evaluation, {n} fakes and {n} real images: {first:.2f} s")
    ratios, distances = [], []
    for i in range(arguments.rounds):
        actions = [bare, measure] if i % 2 else [measure, bare]
        took = {action: seconds(action, device) for action in actions}
        moments = MomentSum(len(reference.root)).add(torch.randn(n, len(reference.root))).moments()
        distances.append(
            seconds(lambda m=moments: frechet_distance(reference.moments, m, root=reference.root), device)
        )
        ratios.append(took[bare] / took[measure])
        print(
            f"round {i + 1}: extractor alone {n / took[bare]:.1f} images/s, evaluation {n / took[measure]:.1f},"
            f" ratio {ratios[-1]:.3f}; of the evaluation {distances[-1]:.2f} s are the distance"
        )
    print(
        f"ratio: median {statistics.median(ratios):.3f} (wanted: at least 0.95 at the sizes of the literature)"
    )
    spent = second_reference(arguments, evaluation, device)
    print(f"reference statistics of a second evaluation: {spent:.2f} s (wanted: below 1 s)")


def second_reference(arguments: argparse.Namespace, first: ImageEvaluation, device: torch.device) -> float:
    """Seconds that an evaluation in fresh objects spends on the reference of the default metrics."""
    first(lambda numbers: noise(first.n_fake, seed=1)[numbers.start : numbers.stop], device=device)
    again = ImageEvaluation(
        data=Noise(arguments.images), cache=first.cache, n_fake=first.n_fake, batch_size=arguments.batch,
        extractor=arguments.extractor, weights=arguments.weights,
    )  # fmt: skip
    path = again._extractor.path  # building the network is not of the reference, hashing its weights is
    depth = again.wanted(None).depth

    def reference() -> None:
        assert path is None or file_sha256(path) == again._extractor.sha256
        again._reference_of(depth, device, Shards(), None)

    return seconds(reference, device)


def distance(dimensions: int) -> None:
    draw = torch.Generator().manual_seed(0)
    sums = [
        MomentSum(dimensions).add(torch.randn(3 * dimensions, dimensions, generator=draw) ** power)
        for power in (1, 3)
    ]
    one, other = (total.moments() for total in sums)
    began = time.perf_counter()
    root = symmetric_root(one.covariance)
    rooted = time.perf_counter() - began
    began = time.perf_counter()
    frechet_distance(one, other, root=root)
    spent = time.perf_counter() - began
    print(
        f"FID at {dimensions} dimensions: {rooted + spent:.2f} s (wanted: below 3 s on 2 cores), {rooted:.2f} s of them"
        " once for the reference's root"
    )


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--extractor", default="efficientnet-lite0")
    parser.add_argument("--weights")
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dimensions", type=int, default=2048)
    parser.add_argument("--device")
    arguments = parser.parse_args(words)
    device = usable_device(arguments.device)
    print(
        f"{arguments.extractor} on {device}, {os.cpu_count()} cores, {torch.get_num_threads()} threads,"
        f" load {os.getloadavg()[0]:.1f}, torch {torch.__version__}, Python {platform.python_version()}"
    )
    with tempfile.TemporaryDirectory() as folder:
        throughput(arguments, device, Path(folder))
    distance(arguments.dimensions)


if __name__ == "__main__":
    main()
