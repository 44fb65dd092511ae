"""The gate lets real digits through and stops everything that is not a generator of digits."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ganlab.data import Digits
from ganlab.errors import EvaluationError
from ganlab.evaluation import GateResult, ImageEvaluation, Result, gate
from ganlab.evaluation.classifier import DigitClassifier
from ganlab.evaluation.frechet import MomentSum, frechet_distance
from ganlab.evaluation.quality_gate import HALVES_DISTANCE, K
from ganlab.evaluation.weights_files import digits_weights

N = 900


@pytest.fixture(scope="module")
def digits() -> Digits:
    return Digits(resolution=16)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def judge(digits, cache):
    def judge(x: Tensor) -> tuple[Result, GateResult]:
        images = x.round().clamp(0, 255).to(torch.uint8)
        evaluation = ImageEvaluation(data=digits, cache=cache, n_fake=len(images))
        result = evaluation(lambda numbers: images[numbers.start : numbers.stop])
        return result, gate(result.metrics)

    return judge


def _controls(digits: Digits) -> dict[str, Tensor]:
    """Sets of 900 images (0..255) that no one should call a generator of digits."""
    draw = torch.Generator().manual_seed(1)
    train = digits.split("train")
    x, y = train.x.float(), train.y
    assert y is not None

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw)

    labels = torch.arange(N) % 10
    means = torch.stack([x[y == k].mean(0) for k in range(10)])[labels]
    deviations = torch.stack([x[y == k].std(0) for k in range(10)])[labels]
    smooth = interpolate(noise(N, 1, 4, 4), size=(16, 16), mode="bicubic")
    one = torch.stack([x[y == k][0] for k in range(10)])[labels]
    return {
        "smooth noise": smooth / smooth.std() * x.std() + x.mean(),
        "class means": means + 5 * noise(N, 1, 16, 16),
        "noisy class means": means + 35 * noise(N, 1, 16, 16),
        "class means and deviations": means + deviations * noise(N, 1, 16, 16),
        "pixel-wise Gaussian": x.mean(0) + x.std(0) * noise(N, 1, 16, 16),
        "one training image per class": one,
        "one training image per class, noisy": one + 10 * noise(N, 1, 16, 16),
    }


@pytest.mark.parametrize(
    "control",
    [
        "smooth noise", "class means", "noisy class means", "class means and deviations",
        "pixel-wise Gaussian", "one training image per class",
        "one training image per class, noisy",
    ],
)  # fmt: skip
def test_negative_controls_fail_by_distance_with_a_margin(control, digits, judge) -> None:
    result, verdict = judge(_controls(digits)[control])
    assert not verdict.passed
    assert result.metrics["fid_digits"] > 2.5 * K * HALVES_DISTANCE
    assert any("fid_digits" in reason for reason in verdict.reasons)


def test_held_out_digits_pass(digits, judge) -> None:
    result, verdict = judge(digits.split("held_out").x)
    assert verdict == GateResult(True, ())
    assert result.metrics["fid_digits"] == pytest.approx(HALVES_DISTANCE, abs=0.02)
    assert result.metrics["min_class_share"] > 0.09
    assert result.metrics["memorisation"] == 0
    assert result.metrics["coverage_digits"] > 0.95  # 1 - 2^-5 expected


@pytest.mark.parametrize("resolution", [8, 32])
def test_held_out_digits_pass_at_other_resolutions(resolution, cache) -> None:
    digits = Digits(resolution=resolution)
    held_out = digits.split("held_out").x
    metrics = ImageEvaluation(data=digits, cache=cache, n_fake=len(held_out))(
        lambda numbers: held_out[numbers.start : numbers.stop]
    ).metrics
    assert metrics["fid_digits"] == pytest.approx(HALVES_DISTANCE, rel=0.1)
    assert gate(metrics).passed


def test_random_halves_of_what_the_classifier_has_not_seen_are_within_the_limit(digits) -> None:
    model = DigitClassifier().eval()
    model.load_state_dict(torch.load(digits_weights(), weights_only=True))
    with torch.no_grad():
        features, _ = model(digits.split("train").x)
    distances = []
    for seed in range(20):
        halves = features[torch.randperm(900, generator=torch.Generator().manual_seed(seed))].split(450)
        distances.append(frechet_distance(*(MomentSum(64).add(half).moments() for half in halves)))
    assert max(distances) < K * HALVES_DISTANCE
    assert sum(distances) / 20 == pytest.approx(12.6, abs=2)  # as the gate's docstring says


def test_copies_of_the_training_set_fail_by_memorisation_alone(digits, judge) -> None:
    result, verdict = judge(digits.split("train").x.float())
    assert result.metrics["memorisation"] > 0.99
    assert len(verdict.reasons) == 1
    assert "memorisation" in verdict.reasons[0]


def test_a_missing_class_fails(digits, judge) -> None:
    held_out = digits.split("held_out")
    _, verdict = judge(held_out.x[held_out.y != 8].float())
    assert any("rarest class" in reason for reason in verdict.reasons)


def test_limits_are_exact_and_nan_fails() -> None:
    good = {"fid_digits": K * HALVES_DISTANCE, "min_class_share": 0.03, "memorisation": 0.5}
    assert gate(good).passed
    for name, bad in {"fid_digits": 26.8, "min_class_share": 0.0299, "memorisation": 0.501}.items():
        assert len(gate({**good, name: bad}).reasons) == 1
        assert len(gate({**good, name: math.nan}).reasons) == 1


def test_other_metrics_are_refused() -> None:
    with pytest.raises(EvaluationError, match="fid_digits, min_class_share"):
        gate({"fid": 3.0, "memorisation": 0.0})
