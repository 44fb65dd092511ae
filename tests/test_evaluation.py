"""Evaluation: against closed forms, and against torch-fidelity on the same images."""

import hashlib
import math
import random
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor

import ganlab.evaluation.reference
import ganlab.evaluation.weights_files as weights_files
from ganlab.data import Digits, Grid, Ring
from ganlab.errors import ConfigError, EvaluationError
from ganlab.evaluation import ImageEvaluation, MixtureEvaluation, NoEvaluation, Result, neighbours
from ganlab.evaluation.classifier import DigitClassifier
from ganlab.evaluation.frechet import Moments, MomentSum, frechet_distance
from ganlab.evaluation.measures import class_shares
from ganlab.evaluation.mixtures import mode_metrics
from ganlab.evaluation.neighbours import density_and_coverage, kth_neighbour, memorisation, nearest, radii
from ganlab.evaluation.train_classifier import accuracy, train
from ganlab.protocol import differences

CONFIGS = Path(__file__).parent.parent / "configs" / "evaluation"


def sampler(x: Tensor):
    return lambda numbers: x[numbers.start : numbers.stop : numbers.step]


def evaluate(x: Tensor, *, cache: Path, **options) -> Result:
    return ImageEvaluation(data=Digits(), cache=cache, n_fake=len(x), **options)(sampler(x))


# --- the mathematics -------------------------------------------------------------------------------------


def test_frechet_distance_of_diagonal_gaussians_is_the_closed_form() -> None:
    a = Moments(9, torch.tensor([1.0, -2.0]).double(), torch.tensor([4.0, 0.25]).double().diag())
    b = Moments(9, torch.tensor([0.5, 1.0]).double(), torch.tensor([1.0, 9.0]).double().diag())
    # |m - m'|^2 = 0.25 + 9; (2 - 1)^2 + (0.5 - 3)^2 = 7.25
    assert frechet_distance(a, b) == pytest.approx(16.5, rel=1e-12)
    assert frechet_distance(b, a) == pytest.approx(16.5, rel=1e-12)


def test_frechet_distance_is_torch_fidelitys_where_covariances_do_not_commute() -> None:
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    draw = torch.Generator().manual_seed(0)
    x = (
        torch.randn(300, 12, generator=draw, dtype=torch.float64)
        @ torch.randn(12, 12, generator=draw).double()
    )
    y = torch.randn(200, 12, generator=draw, dtype=torch.float64) ** 3 + 0.3
    expected = fid_statistics_to_metric(
        fid_features_to_statistics(x), fid_features_to_statistics(y), verbose=False
    )
    sums = MomentSum(12)
    for rows in x.split(70):
        sums.add(rows)
    found = frechet_distance(sums.moments(), MomentSum(12).add(y).moments())
    assert found == pytest.approx(expected["frechet_inception_distance"], rel=1e-10)


def test_moments_of_features_far_from_zero_keep_their_precision() -> None:
    x = 1000 + torch.randn(500, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    moments = MomentSum(3).add(x[:123]).add(x[123:]).moments()
    np.testing.assert_allclose(
        moments.covariance.numpy(), np.cov(x.numpy(), rowvar=False), rtol=1e-7, atol=1e-9
    )
    np.testing.assert_allclose(moments.mean.numpy(), x.numpy().mean(0), rtol=1e-12)


def test_density_and_coverage_by_hand() -> None:
    real = torch.tensor([[0.0], [1.0], [2.0], [3.0], [4.0], [5.0], [100.0]])
    balls = radii(real)  # distance to the fifth nearest other point
    assert balls.tolist() == [5, 4, 3, 3, 4, 5, 99]
    fake = torch.tensor([[-3.5], [2.5], [200.0]])  # in the balls of: 0 | 0 1 2 3 4 5 100 | none
    density, coverage = density_and_coverage(real, balls, fake)
    assert density == pytest.approx((1 + 7 + 0) / (5 * 3))
    assert coverage == 1.0
    assert density_and_coverage(real, balls, fake[:1]) == (1 / 5, pytest.approx(1 / 7))


def test_equal_rows_are_at_distance_zero() -> None:
    x = 1000 + torch.randn(40, 30, generator=torch.Generator().manual_seed(0))
    assert kth_neighbour(x, x.flip(0)).max() < 1e-4


def test_neighbours_do_not_depend_on_the_blocks_they_are_sought_in(monkeypatch) -> None:
    draw = torch.Generator().manual_seed(0)
    x, y = torch.randn(23, 4, generator=draw), torch.randn(31, 4, generator=draw)
    expected = (x.double()[:, None] - y.double()).square().sum(2).sqrt().sort(1)
    monkeypatch.setattr(neighbours, "_ROWS", 7)
    monkeypatch.setattr(neighbours, "_COLUMNS", 3)  # fewer than are sought
    distance, number = nearest(x, y, k=5)
    torch.testing.assert_close(distance, expected.values[:, :5])
    assert torch.equal(number, expected.indices[:, :5])
    torch.testing.assert_close(kth_neighbour(x, y, k=2), expected.values[:, 1])


def test_memorisation_by_hand() -> None:
    held_out = torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert memorisation(torch.tensor([0.0, 0.5]), held_out) == 1.0  # all fakes closer than any
    assert memorisation(torch.tensor([5.0, 6.0]), held_out) == 0.0
    assert memorisation(held_out, held_out) == 0.0
    assert memorisation(torch.tensor([0.0, 2.0, 9.0, 9.0, 9.0]), held_out) == pytest.approx(0.2)
    # bad fakes hide no copies
    assert memorisation(torch.tensor([0.0, 0.0, 9.0]), held_out) == pytest.approx(2 / 3)


def test_class_shares_by_hand() -> None:
    def logit(p: float) -> float:
        return math.log(p / (1 - p))

    logits = torch.tensor([[logit(0.95), 0.0], [logit(0.92), 0.0], [0.0, logit(0.91)], [logit(0.89), 0.0]])
    assert class_shares(logits) == {"certain_share": 0.75, "min_class_share": pytest.approx(1 / 3)}
    assert class_shares(torch.zeros(5, 3)) == {"certain_share": 0.0, "min_class_share": 0.0}


def test_mode_metrics_by_hand() -> None:
    means = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]]).double()
    # 3, 1, 0, 0 good; 2 bad
    x = torch.tensor([[0.2, 0], [0, -0.29], [0, 0.1], [10.1, 0], [5.0, 5.0], [0, 10.4]])
    found = mode_metrics(x, means, std=0.1)
    kl = 0.75 * math.log(0.75 * 4) + 0.25 * math.log(0.25 * 4)
    assert found == {"modes": 2.0, "high_quality": pytest.approx(4 / 6), "reverse_kl": pytest.approx(kl)}
    nothing = mode_metrics(x + 100, means, std=0.1)
    assert nothing == {"modes": 0.0, "high_quality": 0.0, "reverse_kl": math.log(4)}


@pytest.mark.parametrize("data", [Ring(), Grid()])
def test_the_mixture_itself_scores_perfectly(data) -> None:
    x, _ = data.sample(2500, torch.Generator().manual_seed(0))
    result = MixtureEvaluation(data=data, batch_size=999)(sampler(x))
    assert result.metrics["modes"] == len(data.means)
    # within three standard deviations in two dimensions: 1 - exp(-9/2)
    assert result.metrics["high_quality"] == pytest.approx(1 - math.exp(-4.5), abs=0.006)
    assert 0 <= result.metrics["reverse_kl"] < 0.02
    assert result.protocol["n_fake"] == 2500


# --- the evaluation as a part of a training run ----------------------------------------------------------


@pytest.fixture(scope="module")
def held_out() -> Tensor:
    return Digits().split("held_out").x[:200]


def test_numbers_do_not_depend_on_batch_size_precision_settings_or_surroundings(tmp_path, held_out) -> None:
    plain = evaluate(held_out, cache=tmp_path / "a").metrics
    torch.set_default_dtype(torch.float64)
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            other = evaluate(held_out, cache=tmp_path / "b", batch_size=33).metrics
    finally:
        torch.set_default_dtype(torch.float32)
    assert other == pytest.approx(plain, rel=1e-6)


def test_global_random_numbers_are_left_alone(tmp_path, held_out) -> None:
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    evaluate(held_out, cache=tmp_path)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert (np.random.get_state()[1] == before[2]).all()


def test_sampler_is_asked_for_every_position_once(tmp_path, held_out) -> None:
    asked = []

    def sample(numbers: range) -> Tensor:
        assert torch.is_grad_enabled()
        asked.extend(numbers)
        return held_out[numbers.start : numbers.stop]

    ImageEvaluation(data=Digits(), cache=tmp_path, n_fake=101, batch_size=25)(sample)
    assert asked == list(range(101))


def test_the_clock_starts_before_the_first_batch(tmp_path, held_out) -> None:
    ticks: list[tuple[str, int, int]] = []
    evaluation = ImageEvaluation(data=Digits(), cache=tmp_path, n_fake=200, batch_size=90)
    evaluation(sampler(held_out), metrics=["fid_digits"], tick=lambda *tick: ticks.append(tick))
    of_samples = [tick for tick in ticks if tick[0] == "samples"]
    assert of_samples == [("samples", done, 200) for done in (0, 90, 90, 20)]
    assert ticks[0] == ("reference", 0, 901)
    MixtureEvaluation(data=Ring(n=10), n_fake=7)(
        lambda n: torch.zeros(len(n), 2), tick=lambda *tick: ticks.append(tick)
    )
    assert ticks[-2:] == [("samples", 0, 7), ("samples", 7, 7)]


def test_reference_is_computed_once_and_again_when_its_file_is_corrupt(
    tmp_path, held_out, monkeypatch, caplog
) -> None:
    first = evaluate(held_out, cache=tmp_path)
    (file,) = (tmp_path / "reference").iterdir()  # no temporary file is left beside it
    with monkeypatch.context() as patch:
        patch.setattr(ganlab.evaluation.reference.ReferenceCache, "_compute", None)
        assert evaluate(held_out, cache=tmp_path) == first
    whole = file.read_bytes()
    for content in (b"", b"noise", whole[: len(whole) // 2]):
        file.write_bytes(content)
        caplog.clear()
        assert evaluate(held_out, cache=tmp_path) == first
        assert "corrupt" in caplog.text
        assert torch.load(file, weights_only=True)["key"]["extractor"] == "digits"


def test_a_cache_that_cannot_be_written_costs_a_warning_only(tmp_path, held_out, caplog) -> None:
    (tmp_path / "file").write_text("")
    assert evaluate(held_out, cache=tmp_path / "file").metrics["fid_digits"] > 0
    assert "not kept" in caplog.text


@pytest.mark.gpu
def test_a_gpu_gives_the_numbers_of_the_cpu(tmp_path, inception_file) -> None:
    for extractor, weights in (("digits", None), ("inception-v3-compat", inception_file)):
        fake = Digits().split("held_out").x[:64].flip(3)
        on = {}
        for device in ("cpu", "cuda"):
            evaluation = ImageEvaluation(
                data=Digits(), cache=tmp_path / device, extractor=extractor, weights=weights, n_fake=64
            )
            on[device] = evaluation(sampler(fake), device=device).metrics
        assert on["cuda"] == pytest.approx(on["cpu"], rel=1e-4)  # TF32 would differ by 1e-3


def test_the_protocol_says_what_the_number_rests_on(tmp_path, held_out) -> None:
    digits = Digits()
    protocol = evaluate(held_out, cache=tmp_path, seed=7, batch_size=50).protocol
    train = digits.split("train")
    expected = {
        "extractor": "digits", "weights_sha256": weights_files.DIGITS_SHA256,
        "n_fake": 200, "n_real": len(train),
        "reference": "digits/train", "reference_sha256": train.sha256, "shape": [1, 16, 16], "seed": 7,
        "dtype": "float32", "batch_size": 50, "torch_fidelity": "0.4.0", "inception_score_splits": 10,
        "torch": torch.__version__,
    }  # fmt: skip
    assert {key: protocol[key] for key in expected} == expected


def test_a_users_extractor_needs_no_registration(tmp_path, held_out) -> None:
    from torch_fidelity import FeatureExtractorBase

    class Means(FeatureExtractorBase):
        """Means of the quarters of an image; knows no classes."""

        def __init__(self) -> None:
            super().__init__("means", ["quarters"])

        @staticmethod
        def get_provided_features_list():
            return ("quarters",)

        @staticmethod
        def get_default_feature_layer_for_metric(metric):
            return "quarters"

        def forward(self, x):
            return (torch.nn.functional.adaptive_avg_pool2d(x.float(), 2)[:, 0].flatten(1),)

    result = evaluate(held_out, cache=tmp_path, extractor=Means())
    assert set(result.metrics) == {"fid_means", "density_means", "coverage_means", "memorisation"}
    assert 0 < result.metrics["fid_means"] < 100


# --- the classifier --------------------------------------------------------------------------------------


def load_classifier() -> DigitClassifier:
    model = DigitClassifier().eval()
    model.load_state_dict(torch.load(weights_files.DIGITS, weights_only=True))
    return model


def test_shipped_classifier_knows_digits_it_has_not_seen() -> None:
    model = load_classifier()
    for resolution in (8, 16, 32):
        assert accuracy(model, Digits(resolution=resolution).split("train")) > 0.97
    with torch.no_grad():
        features, logits = model(Digits().split("train").x)
    assert features.shape == (len(logits), 64)
    assert torch.linalg.matrix_rank(torch.cov(features.double().T)) == 64


def test_classifier_sees_grey_in_rgb() -> None:
    model, x = load_classifier(), Digits(resolution=20).split("train").x[:5]
    with torch.no_grad():
        torch.testing.assert_close(model(x.expand(-1, 3, -1, -1)), model(x))


def test_training_the_classifier_is_reproducible_and_learns() -> None:
    held_out = Digits().split("held_out")
    state = torch.get_rng_state()
    first, second = (train(held_out, epochs=3) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert accuracy(first, Digits().split("train")) > 0.5


# --- bad input -------------------------------------------------------------------------------------------


@pytest.fixture
def no_hub(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))


def inception(cache: Path, **options) -> ImageEvaluation:
    return ImageEvaluation(data=Digits(), cache=cache, extractor="inception-v3-compat", n_fake=2, **options)


def test_without_internet_the_prefetch_command_is_named(tmp_path, no_hub, monkeypatch) -> None:
    monkeypatch.setattr(weights_files, "INCEPTION_URL", "http://127.0.0.1:9/weights.pth")
    with pytest.raises(EvaluationError, match=r"ganlab prefetch evaluation=inception.*evaluation\.weights"):
        inception(tmp_path).prefetch()
    assert not list((tmp_path).rglob("*.pth*"))


@pytest.mark.parametrize("extractor", ["clip-vit-b-32", "dinov2-vit-s-14", "vgg16"])
def test_torch_fidelitys_other_extractors_name_it_too(extractor, tmp_path, no_hub, monkeypatch) -> None:
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    evaluation = ImageEvaluation(data=Digits(), cache=tmp_path, extractor=extractor)
    with pytest.raises(EvaluationError, match=f"ganlab prefetch evaluation=inception extractor={extractor}'"):
        evaluation.prefetch()


def test_weights_have_one_hash_whoever_fetched_them(tmp_path, no_hub, monkeypatch) -> None:
    from ganlab.evaluation import extractors

    class Downloaded(extractors.DigitsExtractor):
        """Fetches its weights by torch.hub where it is given none, as torch-fidelity's do."""

        def __init__(self, name, features_list, feature_extractor_weights_path=None, **unused) -> None:
            super().__init__(name, features_list, feature_extractor_weights_path or str(hub))

    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    hub, own = Path(torch.hub.get_dir()) / "checkpoints" / "vgg16-1.pth", tmp_path / "own.pth"
    hub.parent.mkdir(parents=True)
    for path in (hub, own):
        path.write_bytes(weights_files.DIGITS.read_bytes())
    monkeypatch.setitem(extractors.FEATURE_EXTRACTORS_REGISTRY, "vgg16", Downloaded)
    fetched, given = (
        ImageEvaluation(data=Digits(), cache=tmp_path, extractor="vgg16", weights=weights)
        for weights in (None, own)
    )
    assert fetched.prefetch() == [hub]
    assert differences(fetched.protocol, given.protocol) == []


def test_half_precision_is_another_protocol(tmp_path, held_out) -> None:
    full, half = (
        ImageEvaluation(data=Digits(), cache=tmp_path, n_fake=200, dtype=dtype)(sampler(held_out))
        for dtype in ("float32", "bfloat16")
    )
    assert differences(full.protocol, half.protocol) == ["dtype"]
    assert half.metrics["fid_digits"] == pytest.approx(full.metrics["fid_digits"], rel=0.1)
    assert half.metrics["fid_digits"] != full.metrics["fid_digits"]
    assert len(list((tmp_path / "reference").iterdir())) == 2
    with pytest.raises(ValueError, match="dtype must be float32 or bfloat16"):
        ImageEvaluation(data=Digits(), cache=tmp_path, dtype="float16")


def test_a_wrong_download_is_named_and_not_kept(tmp_path, no_hub, monkeypatch) -> None:
    wrong = tmp_path / "wrong.pth"
    wrong.write_bytes(b"something else")
    monkeypatch.setattr(weights_files, "INCEPTION_URL", wrong.as_uri())
    with pytest.raises(EvaluationError, match=hashlib.sha256(b"something else").hexdigest()):
        inception(tmp_path / "cache").prefetch()
    assert not list((tmp_path / "cache" / "weights").iterdir())


def test_a_right_download_is_kept(tmp_path, no_hub, monkeypatch) -> None:
    right = tmp_path / "right.pth"
    right.write_bytes(b"the weights")
    monkeypatch.setattr(weights_files, "INCEPTION_URL", right.as_uri())
    monkeypatch.setattr(weights_files, "INCEPTION_SHA256", hashlib.sha256(b"the weights").hexdigest())
    path = weights_files.inception_weights(tmp_path / "cache")
    right.unlink()
    assert weights_files.inception_weights(tmp_path / "cache") == path
    assert path.read_bytes() == b"the weights"
    path.write_bytes(b"tampered with")
    with pytest.raises(EvaluationError, match="delete the file"):
        weights_files.inception_weights(tmp_path / "cache")


def test_changed_weights_of_the_classifier_are_refused(tmp_path, held_out, monkeypatch) -> None:
    changed = tmp_path / "digits.pt"
    changed.write_bytes(weights_files.DIGITS.read_bytes() + b"\0")
    monkeypatch.setattr(weights_files, "DIGITS", changed)
    with pytest.raises(EvaluationError, match=weights_files.DIGITS_SHA256):
        evaluate(held_out, cache=tmp_path)


def test_an_extractor_that_makes_nan_is_named(tmp_path, held_out) -> None:
    from ganlab.evaluation.extractors import DigitsExtractor

    broken = DigitsExtractor("broken")
    broken.classifier.body[0].weight[3] = torch.nan
    with pytest.raises(EvaluationError, match="the extractor broken makes NaN or infinite features"):
        evaluate(held_out, cache=tmp_path, extractor=broken)


@pytest.mark.parametrize("extractor", ["inception-v3-compat", "digits"])
def test_weights_of_something_else_are_refused(extractor, tmp_path, held_out) -> None:
    text, other, code = tmp_path / "text.pth", tmp_path / "other.pth", tmp_path / "code.pth"
    text.write_text("not a checkpoint")
    torch.save({"weight": torch.zeros(3)}, other)
    torch.save(print, code)  # a pickle that names a function
    for path in (text, other, code):
        with pytest.raises(EvaluationError, match=f"{path.name} holds no weights of {extractor}") as refusal:
            evaluate(held_out, cache=tmp_path, extractor=extractor, weights=path)
        published = {"digits": weights_files.DIGITS_SHA256}.get(extractor, weights_files.INCEPTION_SHA256)
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        assert f"it has sha256 {found}, the published weights {published}" in str(refusal.value)
    with pytest.raises(EvaluationError, match="there is no file"):
        evaluate(held_out, cache=tmp_path, extractor=extractor, weights=tmp_path / "missing.pth")


def test_bad_arguments_are_refused_in_one_sentence(tmp_path) -> None:
    digits = Digits()
    for options, match in {
        "n_fake=1": ({"n_fake": 1}, "n_fake must be at least 2, got 1"),
        "n_fake=0": ({"n_fake": 0}, "n_fake must be at least 2, got 0"),
        "batch_size": ({"batch_size": 0}, "batch_size must be at least 1"),
        "reference": ({"reference": "test"}, "one of train, held_out, got 'test'"),
        "extractor": ({"extractor": torch.nn.Identity()}, "extractor must be a name"),
    }.values():
        with pytest.raises(ValueError, match=match):
            ImageEvaluation(data=digits, cache=tmp_path, **options)
    with pytest.raises(ConfigError, match="evaluation=mixture"):
        ImageEvaluation(data=Ring(), cache=tmp_path)
    with pytest.raises(ConfigError, match="data=digits"):
        MixtureEvaluation(data=digits)
    with pytest.raises(ValueError, match="n_fake must be at least 1"):
        MixtureEvaluation(data=Ring(), n_fake=0)
    with pytest.raises(EvaluationError, match="'digts'; there is digits"):
        ImageEvaluation(data=digits, cache=tmp_path, extractor="digts")(
            lambda numbers: torch.zeros(len(numbers))
        )


@pytest.mark.parametrize(
    "wrong", [torch.zeros(9, 1, 16, 16), torch.zeros(9, 1, 8, 8).byte(), torch.zeros(8, 1, 16, 16).byte()]
)
def test_samples_of_another_kind_are_refused(wrong, tmp_path) -> None:
    with pytest.raises(EvaluationError, match=r"asked for uint8 images \(9, 1, 16, 16\), got"):
        ImageEvaluation(data=Digits(), cache=tmp_path, n_fake=9)(lambda numbers: wrong)


@pytest.mark.parametrize(("file", "cls", "data"), [
    ("digits", ImageEvaluation, Digits()), ("inception", ImageEvaluation, Digits()),
    ("mixture", MixtureEvaluation, Ring()), ("none", NoEvaluation, Digits()),
])  # fmt: skip
def test_shipped_configurations_fit_their_classes(file, cls, data, tmp_path) -> None:
    options = yaml.safe_load((CONFIGS / f"{file}.yaml").read_text())
    options = options.get("evaluation", options)
    assert options.pop("_target_") == f"ganlab.evaluation.{cls.__name__}"
    assert options.pop("every") > 0
    evaluation = cls(data=data, cache=tmp_path, **options)
    assert evaluation.n_fake == options.get("n_fake", 0)
    assert evaluation.seed == 0
    assert set(evaluation.directions.values()) <= {"min", "max"}


def test_no_evaluation_asks_for_nothing() -> None:
    assert NoEvaluation(data=Digits())(lambda numbers: pytest.fail("asked for samples")) == Result({}, {})
