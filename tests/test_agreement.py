"""The numbers are those of the libraries that everybody trusts, on the same images."""

import hashlib
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ganlab.data import DataSource, Digits, TensorSet
from ganlab.evaluation import ImageEvaluation, Result

METRICS = ["fid", "is", "is_std", "kid", "kid_std", "prc"]
INCEPTION = "inception-v3-compat"


class Pictures(DataSource):
    """Given images; the test says which are real."""

    def __init__(self, x: Tensor) -> None:
        self.name, self.shape, self.x = "pictures", tuple(x.shape[1:]), x

    def _load(self, split: str) -> TensorSet:
        return TensorSet(f"pictures/{split}", self.x)


class Images(Dataset):
    """What torch-fidelity takes in place of a folder; it wants RGB."""

    def __init__(self, x: Tensor) -> None:
        self.x = x.expand(-1, 3, -1, -1)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> Tensor:
        return self.x[i].contiguous()


def noise(n: int, *, size: int, channels: int, seed: int, low: int, high: int) -> Tensor:
    """Squares of a random grey on noise: features that spread."""
    draw = torch.Generator().manual_seed(seed)
    x = torch.randint(low, high, (n, channels, size, size), generator=draw)
    x[:, :, : size // 2] += torch.randint(0, 80, (n, channels, 1, 1), generator=draw)
    return x.clamp(0, 255).to(torch.uint8)


def ours(fake: Tensor, real: Tensor, cache: Path, **options) -> Result:
    evaluation = ImageEvaluation(data=Pictures(real), cache=cache, n_fake=len(fake), **options)
    return evaluation(
        lambda numbers: fake[numbers.start : numbers.stop : numbers.step],
        metrics=evaluation.choose([name for name in METRICS if name in evaluation.short]),
    )


def theirs(fake: Tensor, real: Tensor, extractor: str, weights: Path | None, **options) -> dict[str, float]:
    from torch_fidelity import calculate_metrics

    found = calculate_metrics(
        input1=Images(fake), input2=Images(real), feature_extractor=extractor,
        feature_extractor_weights_path=weights and str(weights), fid=True, isc=True, kid=True, prc=True,
        kid_subset_size=min(len(fake), len(real)), cuda=False, cache=False, verbose=False, save_cpu_ram=True, **options,
    )  # fmt: skip
    suffix = "" if extractor == INCEPTION else f"_{extractor}"
    names = {
        "fid": "frechet_inception_distance", "is": "inception_score_mean", "is_std": "inception_score_std",
        "kid": "kernel_inception_distance_mean", "kid_std": "kernel_inception_distance_std",
    }  # fmt: skip
    numbers = {f"{name}{suffix}": found[long] for name, long in names.items()}
    return numbers | {f"{name}_{extractor}": found[name] for name in ("precision", "recall")}


def check(found: dict[str, float], expected: dict[str, float]) -> None:
    """Within 1e-4 + 1e-5 FID, as torch-fidelity's mean is a float32; anything absolute is below that."""
    fid = next(value for name, value in expected.items() if name.startswith("fid"))
    assert fid > 1
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if name.startswith("fid"):
            assert found[name] == pytest.approx(value, abs=1e-4 + 1e-5 * fid, rel=1e-5)
        elif name.startswith("is"):  # what the score has above that of one class
            offset = 0 if "std" in name else 1
            assert found[name] - offset == pytest.approx(value - offset, rel=1e-3, abs=1e-6)
        else:
            assert found[name] == pytest.approx(value, abs=1e-4, rel=1e-4 if "std" in name else 1e-5)


def test_digits_agree_with_torch_fidelity(tmp_path) -> None:
    digits = Digits()
    fake, real = (
        digits.split("held_out").x[:333].flip(3),
        digits.split("train").x,
    )  # mirrored: far from the truth
    found = ours(fake, real, tmp_path, batch_size=100)
    expected = theirs(fake, real, "digits", None)
    check(found.metrics, expected)
    assert found.metrics["fid_digits"] == pytest.approx(expected["fid_digits"], rel=1e-6)
    assert 0 < expected["recall_digits"] < 1
    assert 0 < expected["precision_digits"] < 1


# an inception score of 10 splits needs two images in each to be more than 1
@pytest.mark.parametrize(("size", "channels", "n", "least"), [(8, 1, 24, 1.02), (299, 3, 12, 1)])
def test_inception_agrees_with_torch_fidelity(tmp_path, inception_file, size, channels, n, least) -> None:
    fake = noise(n, size=size, channels=channels, seed=1, low=60, high=170)
    real = noise(13, size=size, channels=channels, seed=0, low=0, high=200)
    found = ours(fake, real, tmp_path, extractor=INCEPTION, weights=str(inception_file), batch_size=7)
    check(found.metrics, theirs(fake, real, INCEPTION, inception_file, batch_size=7))
    assert found.metrics["is"] >= least
    assert found.protocol["weights_sha256"] == hashlib.sha256(inception_file.read_bytes()).hexdigest()
    assert found.protocol["channels"] == ("grey replicated to RGB" if channels == 1 else "RGB")


@pytest.mark.parametrize(("size", "channels"), [(32, 3), (260, 1)])
def test_efficientnet_agrees_with_torch_fidelity(tmp_path, size, channels) -> None:
    fake = noise(40, size=size, channels=channels, seed=1, low=60, high=170)
    real = noise(50, size=size, channels=channels, seed=0, low=0, high=200)
    check(
        ours(fake, real, tmp_path, extractor="efficientnet-lite0", batch_size=25).metrics,
        theirs(fake, real, "efficientnet-lite0", None, batch_size=16),
    )


def test_efficientnet_knows_what_it_sees() -> None:
    from sklearn.datasets import load_sample_images

    from ganlab.evaluation.efficientnet import EfficientNetLite0

    network, (temple, flower) = EfficientNetLite0(), load_sample_images().images
    seen = [
        network(torch.from_numpy(image.copy()).permute(2, 0, 1)[None, :, :, 106:533])[1][0]
        for image in (temple, flower)
    ]
    assert [int(logits.argmax()) for logits in seen] == [698, 985]  # of ImageNet: palace, daisy


def test_torchmetrics_agrees(tmp_path, inception_file) -> None:
    from torchmetrics.image.fid import FrechetInceptionDistance

    fake = noise(6, size=24, channels=3, seed=1, low=60, high=170)
    real = noise(8, size=24, channels=3, seed=0, low=0, high=200)
    metric = FrechetInceptionDistance(
        feature=2048,
        feature_extractor_weights_path=str(inception_file),
        antialias=False,
        input_img_size=(3, 24, 24),
    )
    metric.set_dtype(torch.float64)
    metric.update(real, real=True)
    metric.update(fake, real=False)
    found = ours(fake, real, tmp_path, extractor=INCEPTION, weights=str(inception_file))
    assert found.metrics["fid"] == pytest.approx(metric.compute().item(), rel=1e-4)
