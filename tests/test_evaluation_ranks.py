"""Several processes give the numbers of one: real groups over gloo, shares without padding, one cache."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import ganlab  # noqa: F401  before torch_fidelity
from ganlab.data import DataSource, Ring, TensorSet
from ganlab.errors import EvaluationError, GanlabError
from ganlab.evaluation import ImageEvaluation, MixtureEvaluation
from tests.processes import Group

METRICS = ["fid", "is", "is_std", "kid", "kid_std", "prc", "density", "coverage", "memorisation"]


def pictures(n: int, seed: int) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    tint = torch.randint(0, 120, (n, 3, 1, 1), generator=draw)
    return (torch.randint(0, 100 + 10 * seed, (n, 3, 6, 6), generator=draw) + tint).to(torch.uint8)


class Pictures(DataSource):
    name, shape, splits = "pictures", (3, 6, 6), ("train", "held_out")

    def _load(self, split: str) -> TensorSet:
        return TensorSet(f"pictures/{split}", pictures(53 if split == "train" else 19, len(split)))


def extractor(name: str = "colours") -> Any:
    from torch_fidelity import FeatureExtractorBase

    class Colours(FeatureExtractorBase):
        """Twelve features and four classes that are no rounding error away from one another."""

        def __init__(self) -> None:
            super().__init__(name, ["features", "logits"])
            weight = torch.randn(16, 27, generator=torch.Generator().manual_seed(0))
            self.register_buffer("weight", weight)

        @staticmethod
        def get_provided_features_list():
            return "features", "logits"

        @staticmethod
        def get_default_feature_layer_for_metric(metric):
            return "logits" if metric == "isc" else "features"

        def forward(self, x):
            pooled = torch.nn.functional.adaptive_avg_pool2d(x.float() / 32, 3).flatten(1)
            y = torch.tanh(pooled @ self.weight.T / 8) * 4
            return y[:, :12], y[:, 12:]

    return Colours()


def measure(cache: Path, batch_size: int) -> tuple[ImageEvaluation, Any]:
    fake = pictures(47, 3)
    evaluation = ImageEvaluation(
        data=Pictures(), cache=cache, extractor=extractor(), n_fake=47, batch_size=batch_size
    )
    asked: list[int] = []

    def sample(numbers: range) -> Tensor:
        asked.extend(numbers)
        return fake[numbers.start : numbers.stop : numbers.step]

    return asked, evaluation(sample, metrics=evaluation.choose(METRICS))


def ring() -> dict[str, float]:
    data = Ring(n=50)
    points = data.sample(101, torch.Generator().manual_seed(1))[0]
    evaluation = MixtureEvaluation(data=data, n_fake=101, batch_size=17)
    return evaluation(lambda n: points[n.start : n.stop : n.step], metrics=evaluation.names).metrics


def broken(rank: int, cache: Path) -> str:
    def sample(numbers: range) -> Tensor:
        if rank == 1:
            raise EvaluationError("no samples today")
        return pictures(len(numbers), 0)

    try:
        ImageEvaluation(data=Pictures(), cache=cache, extractor=extractor(), n_fake=9)(sample)
    except GanlabError as error:
        return str(error)
    return "nothing"


def work(folder: Path) -> dict[str, Any]:
    torch.distributed.init_process_group("gloo")
    asked, result = measure(folder / "cache", batch_size=7)
    again = measure(folder / "cache", batch_size=7)[1]
    few = ImageEvaluation(data=Pictures(), cache=folder / "cache", extractor=extractor(), n_fake=2)
    two = few(lambda n: pictures(2, 5)[n.start : n.stop : n.step], metrics=few.choose(["fid"])).metrics
    told = {
        "asked": asked, "metrics": result.metrics, "protocol": result.protocol, "again": again.metrics, "two": two,
        "ring": ring(), "broken": broken(torch.distributed.get_rank(), folder / "cache"),
    }  # fmt: skip
    torch.distributed.destroy_process_group()
    return told


def gathered(folder: Path) -> tuple[list[int], list[int]]:
    """Numbers of values that travel to one process for FID, and for KID."""
    from ganlab.evaluation.shards import Shards

    torch.distributed.init_process_group("gloo")
    sizes: list[int] = []
    rows = Shards.rows

    def counted(self: Shards, mine: Tensor, kept: Tensor) -> Tensor:
        sizes.append(mine.numel())
        return rows(self, mine, kept)

    told = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Shards, "rows", counted)
        for metric in ("fid_colours", "kid_colours"):
            evaluation = ImageEvaluation(data=Pictures(), cache=folder, extractor=extractor(), n_fake=40)
            evaluation(lambda n: pictures(40, 3)[n.start : n.stop : n.step], metrics=[metric])
            told.append(sizes.copy())
            sizes.clear()
    torch.distributed.destroy_process_group()
    return told[0], told[1]


def test_no_process_gathers_features_for_fid(tmp_path: Path) -> None:
    with Group(2, gathered, tmp_path) as group:
        for of_fid, of_kid in group.results():
            assert of_fid
            assert set(of_fid) == {0}
            assert 20 * 12 in of_kid


@pytest.mark.parametrize("world", [2, 3])
def test_the_number_of_processes_changes_nothing(world: int, tmp_path: Path) -> None:
    with Group(world, work, tmp_path) as group:
        told = group.results()

    asked, alone = measure(tmp_path / "other", batch_size=20)
    assert asked == list(range(47))
    for rank, said in enumerate(told):
        assert said["asked"] == list(range(rank, 47, world))
        kid = said["metrics"].pop("kid_colours")  # a difference of sums as large as its deviation
        assert kid == pytest.approx(alone.metrics["kid_colours"], abs=1e-6 * alone.metrics["kid_std_colours"])
        assert {**said["metrics"], "kid_colours": alone.metrics["kid_colours"]} == pytest.approx(
            alone.metrics, rel=1e-6
        )
        said["metrics"]["kid_colours"] = kid
        assert said["metrics"] == told[0]["metrics"] == said["again"]
        assert said["two"] == told[0]["two"]
        assert said["ring"] == pytest.approx(ring(), rel=1e-12)
        assert said["broken"] == "no samples today"
    assert told[0]["protocol"] == {**alone.protocol, "batch_size": 7, "processes": world}
    assert alone.metrics["fid_colours"] > 0.1
    assert 0 < alone.metrics["recall_colours"] < 1
    files = list((tmp_path / "cache" / "reference").iterdir())
    assert len(files) == 1  # for all that was asked, and neither a claim nor a part is left


def test_an_extractor_of_the_data_sets_name_is_its_classifier(tmp_path: Path) -> None:
    class Labelled(Pictures):
        classes = ("red", "green", "blue", "grey")

        def _load(self, split: str) -> TensorSet:
            return TensorSet(split, super()._load(split).x, torch.arange(53 if split == "train" else 19) % 4)

    own = ImageEvaluation(data=Labelled(), cache=tmp_path, extractor=extractor("pictures"), n_fake=9)
    found = own(lambda n: pictures(9, 3)[n.start : n.stop], metrics=["class_distance", "certain_share"])
    assert set(found.details["class_histogram"]) == {"red", "green", "blue", "grey"}
    assert found.details["class_histogram"]["red"]["real"] == pytest.approx(14 / 53)
    foreign = ImageEvaluation(data=Labelled(), cache=tmp_path, extractor=extractor(), n_fake=9)
    assert "class_distance" not in foreign.names


def compute(folder: Path) -> tuple[dict[str, float], int]:
    """One of several jobs that know nothing of one another; all of them wait longer than a turn."""
    from ganlab.evaluation import once, reference

    made = []
    real = reference.ReferenceCache._compute
    once.PATIENCE = 0.2

    def counted(self, *arguments):
        made.append(1)
        time.sleep(1)
        return real(self, *arguments)

    reference.ReferenceCache._compute = counted
    metrics = measure(folder / "cache", batch_size=7)[1].metrics
    return metrics, len(made)


def test_jobs_that_start_together_compute_the_reference_once(tmp_path: Path) -> None:
    with Group(3, compute, tmp_path) as group:
        (one, first), (two, second), (three, third) = group.results()
    assert first + second + third == 1
    assert one == two == three


def compute_moments(folder: Path) -> int:
    """A job that wants less than one that is at work already: it finds what it needs in the other's file."""
    from ganlab.evaluation import reference

    folder.joinpath("cache", "reference").mkdir(parents=True)
    claims = folder.joinpath("cache", "reference").glob(".*.claim")
    started, made = threading.Event(), []
    real = reference.ReferenceCache._compute

    def counted(self, depth, *arguments):
        started.set()
        made.append(depth)
        time.sleep(0.5)
        return real(self, depth, *arguments)

    reference.ReferenceCache._compute = counted
    deep = threading.Thread(target=measure, args=(folder / "cache", 7))
    deep.start()
    started.wait()
    assert len(list(claims)) == 1
    fid = ImageEvaluation(data=Pictures(), cache=folder / "cache", extractor=extractor(), n_fake=2)
    fid(lambda n: pictures(len(n), 5), metrics=["fid_colours"])
    deep.join()
    return len(made)


def test_jobs_that_want_unlike_depths_wait_for_one_another(tmp_path: Path) -> None:
    with Group(1, compute_moments, tmp_path) as group:
        assert group.results() == [1]
