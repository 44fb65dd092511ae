"""What a number must do to be believed: be small between halves, rise with every damage, find copies, survive a kill."""

import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from ganlab.data import Digits, Gaussian1d, Grid, Ring, TensorSet
from ganlab.errors import EvaluationError
from ganlab.evaluation import ImageEvaluation, MixtureEvaluation, measures, once, reference
from ganlab.evaluation.extractors import load_extractor
from ganlab.evaluation.frechet import MomentSum, distance_of_the_truth, frechet_distance, symmetric_root
from ganlab.evaluation.mixtures import lattice_jsd, transport_distance


def evaluate(
    x: Tensor, cache: Path, *metrics: str, data: Digits | None = None, **options
) -> dict[str, float]:
    evaluation = ImageEvaluation(data=data or Digits(), cache=cache, n_fake=len(x), **options)
    names = evaluation.choose(metrics)
    found = evaluation(lambda n: x[n.start : n.stop : n.step], metrics=names).metrics
    return {short: found[name] for short, name in zip(metrics, names, strict=True)}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def test_halves_of_real_images_are_as_far_apart_as_halves_are(cache: Path) -> None:
    class Half(Digits):
        splits = ("train",)

        def _load(self, split: str) -> TensorSet:
            return TensorSet("half", everything[::2])

    shuffled = torch.randperm(80, generator=torch.Generator().manual_seed(99))
    everything = Digits().split("train").x[shuffled]
    extractor = load_extractor("efficientnet-lite0", weights=None, cache=cache)
    features = torch.cat([extractor(x)[0] for x in everything.split(40)])

    def distance(seed: int) -> float:
        halves = features[torch.randperm(80, generator=torch.Generator().manual_seed(seed))].split(40)
        return frechet_distance(*(MomentSum(1280).add(half).moments() for half in halves))

    one = evaluate(everything[1::2], cache, "fid", data=Half(), extractor="efficientnet-lite0")["fid"]
    again = [distance(seed) for seed in range(4)]
    assert one == pytest.approx(sum(again) / 4, rel=0.2)


def test_fid_rises_with_blur_with_noise_and_with_missing_classes(cache: Path) -> None:
    held_out = Digits().split("held_out")
    assert held_out.y is not None
    x, y = held_out.x.float(), held_out.y
    draw = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))

    def blurred(times: int) -> Tensor:
        image = x
        for _ in range(times):
            image = avg_pool2d(pad(image, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
        return image

    damages = {
        "blur": [blurred(times) for times in range(4)],
        "noise": [x + level * draw for level in (0, 20, 40, 60)],
        "classes": [x[y >= missing] for missing in (0, 1, 3, 6)],
    }
    for name, degrees in damages.items():
        images = [degree.round().clamp(0, 255).to(torch.uint8) for degree in degrees]
        distances = [evaluate(image, cache, "fid")["fid"] for image in images]
        assert all(b > 1.2 * a for a, b in pairwise(distances)), (name, distances)


def test_copies_are_flagged_with_and_without_a_held_out_split_and_fresh_images_are_not(cache: Path) -> None:
    class NoneHeldOut(Digits):
        splits = ("train",)

        def _load(self, split: str):
            return Digits(resolution=self.resolution).split(split)

    digits, alone = Digits(), NoneHeldOut()
    train, fresh = digits.split("train").x, digits.split("held_out").x
    nearly = (train.float() + 2 * torch.randn(train.shape, generator=torch.Generator().manual_seed(0))).clamp(
        0, 255
    )
    for data in (digits, alone):
        assert evaluate(train, cache, "memorisation", data=data)["memorisation"] > 0.99
        assert evaluate(nearly.to(torch.uint8), cache, "memorisation", data=data)["memorisation"] > 0.8
        assert evaluate(fresh, cache, "memorisation", data=data)["memorisation"] < 0.07
    mixed = torch.cat([train[:300], fresh[:600]])  # a third of copies
    assert 0.25 < evaluate(mixed, cache, "memorisation", data=alone)["memorisation"] < 0.45


def test_copies_of_a_set_larger_than_the_neighbourhoods_are_flagged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (measures, reference):
        monkeypatch.setattr(module, "NEIGHBOURS_AMONG", 90)  # of 901 images
    train, fresh = (Digits().split(split).x[-90:] for split in ("train", "held_out"))
    evaluation = ImageEvaluation(data=Digits(), cache=tmp_path, n_fake=90)
    found = evaluation(lambda n: train[n.start : n.stop], metrics=["memorisation"])
    assert found.metrics["memorisation"] > 0.99
    assert all(pair["real"] == 901 - 90 + pair["fake"] for pair in found.details["closest_pairs"])
    assert evaluate(fresh, tmp_path, "memorisation")["memorisation"] < 0.2


def test_copies_are_sought_in_the_training_set_alone(tmp_path: Path) -> None:
    evaluation = ImageEvaluation(data=Digits(), cache=tmp_path, reference="held_out")
    with pytest.raises(EvaluationError, match="has no metric 'memorisation'"):
        evaluation.choose(["memorisation"])
    assert "memorisation" not in evaluation.standard


def test_closest_pairs_and_class_histogram(cache: Path) -> None:
    digits = Digits()
    held_out = digits.split("held_out")
    assert held_out.y is not None
    x = held_out.x[held_out.y >= 5][:200].clone()
    x[17], x[101] = digits.split("train").x[333], digits.split("train").x[4]
    evaluation = ImageEvaluation(data=digits, cache=cache, n_fake=200)
    result = evaluation(
        lambda n: x[n.start : n.stop], metrics=evaluation.choose(["memorisation", "class_distance"])
    )
    pairs = result.details["closest_pairs"]
    assert {(pair["fake"], pair["real"]) for pair in pairs[:2]} == {(17, 333), (101, 4)}
    assert pairs[1]["distance"] < 1e-3 < pairs[2]["distance"]
    histogram = result.details["class_histogram"]
    assert sum(share["fake"] for share in histogram.values()) == pytest.approx(1)
    labels = digits.split("train").y
    assert histogram["3"]["real"] == pytest.approx((labels == 3).double().mean().item())
    by_hand = sum(abs(share["fake"] - share["real"]) for share in histogram.values()) / 2
    assert result.metrics["class_distance"] == pytest.approx(by_hand)
    assert 0.45 < by_hand < 0.55  # half of the classes are missing


# --- how biased a small number is ------------------------------------------------------------------------


def test_the_bias_of_few_samples_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    few = Digits().split("held_out").x[:40]
    distance = evaluate(few, tmp_path, "fid")["fid"]
    said = "40 fakes and 901 real images in 64 dimensions: FID is biased upwards, a perfect generator"
    assert caplog.text.count(said) == 1
    told = float(caplog.text.split("would get about ")[1].split()[0])
    assert told == pytest.approx(distance, rel=0.5)


@pytest.mark.parametrize("n_fake", [40, 300])
def test_so_is_the_bias_of_a_small_reference(
    n_fake: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Few(Digits):
        def _load(self, split: str) -> TensorSet:
            return TensorSet(split, Digits().split(split).x[:40])

    shuffled = torch.randperm(800, generator=torch.Generator().manual_seed(0))
    real = Digits().split("held_out").x[shuffled[:n_fake]]
    distance = evaluate(real, tmp_path, "fid", data=Few())["fid"]
    assert f"{n_fake} fakes and 40 real images in 64 dimensions" in caplog.text
    told = float(caplog.text.split("would get about ")[1].split()[0])
    assert told == pytest.approx(distance, rel=0.5)


def test_the_bias_is_that_of_gaussian_draws() -> None:
    draw = torch.Generator().manual_seed(3)
    x = torch.randn(4000, 10, generator=draw, dtype=torch.float64) * torch.linspace(0.5, 3, 10)
    moments = MomentSum(10).add(x).moments()
    root = symmetric_root(moments.covariance)
    drawn = [
        frechet_distance(moments, MomentSum(10).add(x[torch.randint(4000, (30,), generator=draw)]).moments())
        for _ in range(40)
    ]
    assert distance_of_the_truth(moments, root, n=30) == pytest.approx(sum(drawn) / 40, rel=0.4)
    few = MomentSum(10).add(x[:50]).moments()
    again = [
        frechet_distance(*(MomentSum(10).add(x[torch.randint(4000, (n,), generator=draw)]).moments() for n in (50, 30)))
        for _ in range(40)
    ]  # fmt: skip
    found = distance_of_the_truth(few, symmetric_root(few.covariance), n=30)
    assert found == pytest.approx(sum(again) / 40, rel=0.4)
    assert distance_of_the_truth(moments, root, n=3000) < 0.05 * sum(drawn) / 40


# --- mixtures --------------------------------------------------------------------------------------------


def test_jsd_on_a_line_is_the_integral() -> None:
    mean = torch.tensor([[0.0]], dtype=torch.float64)
    n = 200_000
    p, q = stats.norm(0, 1), stats.norm(1.5, 1)
    x = torch.from_numpy(q.ppf((np.arange(n) + 0.5) / n))[:, None]  # without the noise of drawing
    edges = np.concatenate([[-np.inf], np.arange(-5, 6), [np.inf]])
    masses = [np.diff(law.cdf(edges)) for law in (p, q)]
    masses = [np.append(mass[1:-1], mass[0] + mass[-1]) for mass in masses]
    middle = sum(masses) / 2
    expected = sum(stats.entropy(mass, middle) for mass in masses) / 2
    assert lattice_jsd(x, mean, 1.0) == pytest.approx(expected, abs=1e-4)
    t = np.linspace(-8, 10, 20001)
    m = (p.pdf(t) + q.pdf(t)) / 2
    exact = sum(np.trapezoid(law.pdf(t) * np.log(law.pdf(t) / m), t) for law in (p, q)) / 2
    assert exact * 0.9 < expected < exact


@pytest.mark.parametrize("data", [Ring(n=10), Grid(n=10), Gaussian1d(n=10)], ids=["ring", "grid", "line"])
def test_jsd_is_small_for_the_truth_and_ln_2_for_what_is_elsewhere(data) -> None:
    x = data.sample(20_000, torch.Generator().manual_seed(0))[0]
    occupied = 60 * len(data.means)  # cells within four deviations
    assert 0 <= lattice_jsd(x, data.means, data.std) < occupied / (8 * 20_000) * 1.5
    assert lattice_jsd(x + 100, data.means, data.std) == pytest.approx(math.log(2), abs=1e-5)
    collapsed = data.means[0] + data.std * torch.randn(
        20_000, *data.shape, generator=torch.Generator().manual_seed(1)
    )
    if (modes := len(data.means)) > 1:  # all mass on one of K modes
        p = torch.tensor([1 / modes] * modes).double()
        q = torch.eye(modes).double()[0]
        expected = sum(stats.entropy(a.numpy(), ((p + q) / 2).numpy()) for a in (p, q)) / 2
        assert lattice_jsd(collapsed, data.means, data.std) == pytest.approx(expected, abs=0.01)


def test_transport_is_exact() -> None:
    x = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 3.0]])
    y = torch.tensor([[4.0, 3.0], [0.0, 1.0], [1.0, 0.0]])
    # 0,0 -> 1,0: 1; 4,0 -> 4,3: 3; 0,3 -> 0,1: 2
    assert transport_distance(x, y) == pytest.approx(2.0, rel=1e-12)
    line = torch.tensor([[3.0], [-1.0], [0.5]])
    assert transport_distance(line, line.flip(0) + 0.25) == pytest.approx(0.25)
    data = Ring(n=10)
    points = data.sample(300, torch.Generator().manual_seed(0))[0]
    evaluation = MixtureEvaluation(data=data, n_fake=300)
    assert "w1" not in evaluation.standard
    near, far = (
        evaluation(lambda n, shift=shift: points[n.start : n.stop] + shift, metrics=["w1"]).metrics["w1"]
        for shift in (0.0, 10.0)
    )
    assert near < 0.2
    assert far == pytest.approx(10 * 2**0.5, abs=0.2)


# --- claims and kills ------------------------------------------------------------------------------------


def test_a_claim_is_waited_for_and_taken_over_from_the_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, looks = tmp_path / "made", []
    ours, theirs = (once.Turn.OURS, None), (once.Turn.THEIRS, None)
    assert once.wait_or_claim(path, lambda: None) == ours
    claim = tmp_path / ".made.claim"
    assert claim.read_text().split()[1] == str(os.getpid())

    def read() -> str | None:
        looks.append(1)
        return "made by another" if len(looks) == 3 else None

    found = (once.Turn.FOUND, "made by another")
    assert once.wait_or_claim(path, read) == found  # the claim's process, this one, is alive
    with monkeypatch.context() as patch, once.claimed(path):
        patch.setattr(once, "PATIENCE", 0.3)
        assert once.wait_or_claim(path, lambda: None) == theirs
        assert claim.is_file()  # nobody takes work from a process that lives, however long it takes
    dead = subprocess.Popen([sys.executable, "-c", "pass"])
    dead.wait()
    claim.write_text(f"{socket.gethostname()} {dead.pid}")
    assert once.wait_or_claim(path, lambda: None) == ours
    assert claim.read_text().split()[1] == str(os.getpid())
    monkeypatch.setattr(once, "SILENCE", 0.3)
    claim.write_text("another-host 1")
    assert once.wait_or_claim(path, lambda: None) == ours
    once.release(path)
    assert list(tmp_path.iterdir()) == []


def test_a_live_claim_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "TOUCH", 0.05)
    assert once.wait_or_claim(tmp_path / "made", lambda: None) == (once.Turn.OURS, None)
    claim = tmp_path / ".made.claim"
    os.utime(claim, (0, 0))
    with once.claimed(tmp_path / "made"):
        deadline = time.monotonic() + 20
        while claim.stat().st_mtime == 0 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert claim.stat().st_mtime > 0
    assert not claim.exists()


_KILLED = """
import sys, time
from pathlib import Path
import ganlab.evaluation.measures
from ganlab.data import Digits
from ganlab.evaluation import ImageEvaluation
import ganlab.evaluation.reference as reference
slow = reference.torch.save
def save(state, file):
    file.write(b"half of it"); file.flush()
    print("writing", flush=True)
    time.sleep(600)
reference.torch.save = save
x = Digits().split("held_out").x
ImageEvaluation(data=Digits(), cache=Path(sys.argv[1]), n_fake=100)(lambda n: x[n.start : n.stop])
"""


def test_a_killed_evaluation_leaves_no_half_written_cache(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert list((tmp_path / "reference").glob("*.pt")) == []
    x = Digits().split("held_out").x[:100]
    began = time.monotonic()
    after = evaluate(x, tmp_path, "fid", "coverage")
    assert time.monotonic() - began < once.SILENCE  # nobody is waited for
    assert after == evaluate(x, tmp_path / "other", "fid", "coverage")
    (kept,) = (tmp_path / "reference").glob("*.pt")
    assert json.dumps(torch.load(kept, weights_only=True)["key"])


def test_arrays_with_nan_or_of_an_unknown_range_are_refused(tmp_path: Path) -> None:
    from ganlab.evaluation.arrays import ImageArray

    x = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(0)).numpy() * 2 - 1
    cases = {
        "nan": (
            np.where(np.arange(5)[:, None, None, None] == 3, np.nan, x),
            "sample number 3 holds values that are NaN",
        ),
        "unit": ((x + 1) / 2, r"holds floats from .* to .*; floats are images in \[-1, 1\], else save uint8"),
        "wide": (x * 127.5, "holds floats from"),
        "words": (np.zeros((5, 7, 9, 11), np.uint8), r"holds uint8 of shape \(5, 7, 9, 11\), not images"),
        "ints": (np.zeros((5, 8, 8), np.int64), "holds int64"),
    }
    for name, (array, says) in cases.items():
        np.save(tmp_path / f"{name}.npy", array)
        with pytest.raises(EvaluationError, match=says):
            ImageArray(tmp_path / f"{name}.npy")
    np.savez(tmp_path / "fine.npz", x.transpose(0, 2, 3, 1), np.arange(5))
    fine = ImageArray(tmp_path / "fine.npz")
    assert fine.shape == (3, 8, 8)
    expected = np.round((x + 1) * 127.5).astype(np.uint8)
    np.testing.assert_array_equal(fine.split("train").x.numpy(), expected)
    (tmp_path / "torn.npz").write_bytes((tmp_path / "fine.npz").read_bytes()[:300])
    with pytest.raises(EvaluationError, match="cannot be read as NumPy's .npz"):
        ImageArray(tmp_path / "torn.npz")
    with pytest.raises(EvaluationError, match="there is no file"):
        ImageArray(tmp_path / "none.npy")
