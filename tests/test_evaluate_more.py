"""ganlab evaluate on whatever people have: NumPy files, statistics, generators; several seeds, and comparing."""

import io
import json
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import torch

import ganlab
from ganlab import config
from ganlab.cli import main
from ganlab.data import Digits, Ring
from ganlab.errors import EvaluationError
from ganlab.evaluation import MixtureEvaluation, Result, evaluate_folders
from ganlab.evaluation.words import table
from ganlab.images import save_folder
from ganlab.latent import Latent
from ganlab.networks import DCGANGenerator
from ganlab.protocol import better, differences, identity, rank
from ganlab.sampling import choose_statistics, evaluation_samples, generate
from tests.conftest import TINY
from tests.processes import Group

SCHEMA = json.loads((Path(__file__).parent.parent / "docs" / "protocol.schema.json").read_text())


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANLAB_CACHE", str(cache))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> ganlab.Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANLAB_CACHE", str(cache))
        words = [*TINY, "evaluation=digits", "evaluation.n_fake=30", "selection.seeds=0"]
        return ganlab.train(config.compose([*words, f"run.root={tmp_path_factory.mktemp('runs')}"]))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits of 16 pixels as `fake.npy`, `fake.npz` and folders `fake`, `real`."""
    folder = tmp_path_factory.mktemp("files")
    fake, real = (Digits().split(split).x[:60].numpy() for split in ("held_out", "train"))
    np.save(folder / "fake.npy", fake)
    np.savez(folder / "fake.npz", fake.transpose(0, 2, 3, 1))
    save_folder(fake, folder / "fake")
    save_folder(real, folder / "real")
    return folder


def json_of(capsys: pytest.CaptureFixture[str], *words: Any) -> dict[str, Any]:
    assert main(["evaluate", *map(str, words), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, SCHEMA)
    return found


def refused(capsys: pytest.CaptureFixture[str], *words: Any, code: int = 1) -> str:
    assert main(["evaluate", *map(str, words)]) == code
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1), err
    return err


# --- files -----------------------------------------------------------------------------------------------


def test_one_set_of_images_in_every_form(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--reference", files / "real", "extractor=digits", "--metrics", "fid,kid,prc"]
    found = [json_of(capsys, files / name, *words) for name in ("fake", "fake.npy", "fake.npz")]
    assert list(found[0]["metrics"]) == [
        "fid_digits", "kid_digits", "kid_std_digits", "precision_digits", "recall_digits",
    ]  # fmt: skip
    assert found[0]["metrics"] == found[1]["metrics"] == found[2]["metrics"]
    assert all(one["protocol"]["samples_sha256"] == found[0]["protocol"]["samples_sha256"] for one in found)
    assert "decoding" not in found[0]["protocol"]
    assert not any("quantisation" in one["protocol"] for one in found)
    floats = np.load(files / "fake.npy") / 127.5 - 1
    np.save(tmp_path / "floats.npy", floats.astype(np.float32))
    quantised = json_of(capsys, tmp_path / "floats.npy", *words)
    assert quantised["metrics"] == found[0]["metrics"]
    assert quantised["protocol"]["quantisation"] == "uint8, rounded to nearest from [-1, 1], clipped"
    assert "seed" not in found[0]["protocol"]


def test_a_data_set_as_reference(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["data=digits", "evaluation=digits", "--metrics", "fid,class_distance"]
    found = json_of(capsys, files / "fake.npy", *words)
    assert found["protocol"]["reference"] == "digits/train"
    assert set(found["details"]["class_histogram"]) == set("0123456789")
    err = refused(capsys, files / "fake.npy", *words, "data.resolution=32")
    assert "holds images of shape (1, 16, 16), data=digits of (1, 32, 32)" in err


def test_statistics_go_out_and_come_back(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "ref.npz"
    assert main(["stats", str(files / "real"), "--out", str(out), "extractor=digits"]) == 0
    assert "60 images of folder:real/train in 64 features of digits" in capsys.readouterr().out
    direct = json_of(
        capsys, files / "fake", "--reference", files / "real", "extractor=digits", "--metrics", "fid"
    )
    found = json_of(capsys, files / "fake", "--reference", out, "extractor=digits", "--metrics", "fid")
    assert found["metrics"] == pytest.approx(direct["metrics"], rel=1e-9)
    assert found["protocol"]["n_real"] == 60
    with np.load(out, allow_pickle=False) as file:
        mu, sigma = file["mu"], file["sigma"]
    np.savez(tmp_path / "theirs.npz", mu=mu.astype(np.float32), sigma=sigma)
    theirs = json_of(capsys, files / "fake.npy", "--reference", tmp_path / "theirs.npz", "extractor=digits")
    assert theirs["metrics"]["fid_digits"] == pytest.approx(direct["metrics"]["fid_digits"], rel=1e-4)
    assert theirs["protocol"]["n_real"] is None
    assert set(theirs["metrics"]) == {"fid_digits", "is_digits", "is_std_digits"}

    np.savez(tmp_path / "small.npz", mu=mu[:9], sigma=sigma[:9, :9])
    words = ["extractor=digits", "--metrics", "fid"]
    assert "64 features, the reference statistics are of 9" in refused(
        capsys, files / "fake", "--reference", tmp_path / "small.npz", *words
    )
    turned, negative = sigma.copy(), sigma - 2 * sigma.max() * np.eye(64)
    turned[3, 5] += sigma.max()
    for name, wrong, says in (
        ("turned", turned, "is not symmetric"), ("negative", negative, "below 0, and so is no covariance"),
        ("complex", sigma + 1j, "they are complex"),
    ):  # fmt: skip
        np.savez(tmp_path / f"{name}.npz", mu=mu, sigma=wrong)
        err = refused(capsys, files / "fake", "--reference", tmp_path / f"{name}.npz", *words)
        assert says in err
    np.savez(tmp_path / "other.npz", mu=mu, sigma=sigma, extractor="vgg16")
    assert "was made with extractor vgg16, and this evaluation has digits" in refused(
        capsys, files / "fake", "--reference", tmp_path / "other.npz", *words
    )
    assert "has no metric 'kid'" in refused(
        capsys, files / "fake", "--reference", out, "extractor=digits", "--metrics", "kid"
    )
    assert main(["stats", str(files / "real"), "--out", "ref.txt"]) == 2
    assert main(["stats", "--out", str(out)]) == 2


# --- a run: several seeds, pictures, statistics of BatchNorm -----------------------------------------------


def test_several_seeds_give_mean_and_spread(run: ganlab.Run, capsys: pytest.CaptureFixture[str]) -> None:
    words = [run.path, "--metrics", "fid,coverage", "--n", "40"]
    found = json_of(capsys, *words, "--seeds", "3")
    single = [
        json_of(capsys, *words, f"evaluation.seed={seed}")["metrics"]["fid_digits"] for seed in (0, 1, 2)
    ]
    assert found["details"]["each_seed"]["fid_digits"] == single
    assert found["metrics"]["fid_digits"] == pytest.approx(np.mean(single))
    assert found["spread"]["fid_digits"] == pytest.approx(np.std(single, ddof=1))
    assert (found["protocol"]["seed"], found["protocol"]["n_fake"]) == ([0, 1, 2], 40)
    assert main(["evaluate", *map(str, words), "--seeds", "2"]) == 0
    out = capsys.readouterr().out
    assert " ± " in out.splitlines()[1]
    assert "2 sampling seeds" in out


def test_the_picture_of_the_closest_pairs(
    run: ganlab.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    out = tmp_path / "pairs.png"
    found = json_of(capsys, run.path, "--metrics", "fid", "--pairs", out)
    assert list(found["metrics"]) == ["fid_digits", "memorisation"]
    pair = found["details"]["closest_pairs"][0]
    picture = np.asarray(Image.open(out))
    assert picture.ndim == 2
    scale = picture.shape[0] // (4 * 10 + 2)  # 16 images of 8 pixels in 4 rows, 2 pixels between
    small = picture[::scale, ::scale]
    latent = Latent(run.config.network.latent_dim)
    fake = evaluation_samples(run.generator(), latent, seed=0)(range(pair["fake"], pair["fake"] + 1))[0, 0]
    real = Digits(resolution=8).split("train").x[pair["real"], 0]
    np.testing.assert_array_equal(small[2:10, 2:10], fake.numpy())
    np.testing.assert_array_equal(small[2:10, 12:20], real.numpy())


def test_pairs_are_drawn_of_whatever_is_measured(
    run: ganlab.Run, files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    grey = ["generator._target_=tests.test_evaluate_more.Grey", "data=digits", "evaluation=digits", "--n", 40]
    ours = ["data=digits", "evaluation=digits"]
    (tmp_path / "saved.json").write_text(json.dumps(json_of(capsys, files / "fake.npy", *ours)))
    for name, words in {
        "folder": [files / "fake.npy", *ours, "--compare", tmp_path / "saved.json"],
        "generator": grey,
        "batch": [run.path, "--batch-norm", "batch"],
        "standing": [run.path, "--batch-norm", "standing:1"],
    }.items():
        out = tmp_path / f"{name}.png"
        assert main(["evaluate", *map(str, words), "--pairs", str(out)]) == 0
        capsys.readouterr()
        with Image.open(out) as picture:
            assert picture.width > 100
    found = evaluate_folders(files / "fake.npy", None, ours, metrics=["standard", "memorisation"])
    assert found.pairs is not None
    pairs, first = found.pairs(), found.details["closest_pairs"][0]
    assert pairs.shape == (8, 2, 1, 16, 16)
    assert torch.equal(pairs[0, 0], Digits().split("held_out").x[first["fake"]])
    assert torch.equal(pairs[0, 1], Digits().split("train").x[first["real"]])

    def nothing(*_: object) -> None:
        raise AssertionError("measured")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ganlab.evaluation.ImageEvaluation, "__call__", nothing)
        pairs_of = ["--pairs", tmp_path / "q.png"]
        err = refused(capsys, run.path, "evaluation.reference=held_out", *pairs_of)
        assert "has no metric 'memorisation'" in err
        assert "the name of a .png" in refused(capsys, run.path, "--pairs", tmp_path / "q.gif", code=2)
        assert "something to draw" in refused(capsys, tmp_path / "saved.json", *pairs_of, code=2)
        assert "a generator has those" in refused(capsys, *grey, "--raw", code=2)


def test_memorisation_is_said_aloud() -> None:
    protocol = {"n_fake": 5, "reference": "x"}
    assert "closer to a training image than fresh images" in table(Result({"memorisation": 0.6}, protocol))
    assert "closer" not in table(Result({"memorisation": 0.4}, protocol))


def test_statistics_of_batch_normalisation() -> None:
    torch.manual_seed(0)
    generator = DCGANGenerator(latent_dim=5, shape=(1, 8, 8), width=4).eval().requires_grad_(False)
    latent = Latent(5)
    z = latent.numbered(0, 6, seed=3, purpose="evaluation")
    running = generate(generator, z)
    assert choose_statistics(generator, latent, "running", seed=0) == "running"
    torch.testing.assert_close(generate(generator, z), running)
    assert (
        choose_statistics(generator, latent, "standing:3", seed=0)
        == "standing statistics over 3 batches of 256"
    )
    norm = next(m for m in generator.modules() if isinstance(m, torch.nn.BatchNorm2d | torch.nn.BatchNorm1d))
    seen: list[torch.Tensor] = []
    hook = norm.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    for batch in range(3):
        generator(latent.numbered(256 * batch, 256, seed=0, purpose="standing"))
    hook.remove()
    means = [x.transpose(0, 1).flatten(1).mean(1) for x in seen]
    torch.testing.assert_close(norm.running_mean, torch.stack(means).mean(0), rtol=1e-4, atol=1e-5)
    standing = generate(generator, z)
    assert not torch.equal(standing, running)
    assert choose_statistics(generator, latent, "batch", seed=0) == "statistics of each batch of 256"
    torch.testing.assert_close(generate(generator, z)[:3], generate(generator, z)[:3])
    # a sample depends on its batch
    assert not torch.equal(generate(generator, z)[:3], generate(generator, z[:3]))
    sample = evaluation_samples(generator, latent, seed=3)
    everything = sample(range(600))
    torch.testing.assert_close(everything[256:512], generate(generator, latent.numbered(256, 256, seed=3, purpose="evaluation")))  # fmt: skip
    for numbers in (range(257), range(256, 257), range(1, 600, 3), range(250, 530), range(590, 600)):
        torch.testing.assert_close(sample(numbers), everything[numbers.start : numbers.stop : numbers.step])
    for wrong in ("standing", "standing:0", "moving"):
        with pytest.raises(EvaluationError, match="must be running, batch or standing:N"):
            choose_statistics(generator, latent, wrong, seed=0)
    assert choose_statistics(torch.nn.Linear(2, 2), latent, "batch", seed=0) == "none"
    synchronised = torch.nn.SyncBatchNorm.convert_sync_batchnorm(generator)
    assert choose_statistics(synchronised, latent, "running", seed=0) == "running"


def test_a_protocol_that_lacks_how_samples_were_drawn_is_none(
    run: ganlab.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    found = json_of(capsys, run.path, "--metrics", "fid")
    for field in ("seed", "quantisation", "truncation", "batch_norm", "weights_averaged", "images", "ganlab"):
        less = {**found, "protocol": {k: v for k, v in found["protocol"].items() if k != field}}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(less, SCHEMA)


def test_how_samples_were_drawn_is_told(run: ganlab.Run, capsys: pytest.CaptureFixture[str]) -> None:
    plain = json_of(capsys, run.path, "--metrics", "fid")["protocol"]
    assert (plain["truncation"], plain["batch_norm"]) == (None, "running")
    words = ["--metrics", "fid", "--truncation", "0.5", "--batch-norm", "standing:2", "--raw"]
    other = json_of(capsys, run.path, *words)["protocol"]
    assert (other["truncation"], other["weights_averaged"]) == (0.5, False)
    assert other["batch_norm"] == "standing statistics over 2 batches of 256"
    assert differences(plain, other) == ["batch_norm", "truncation", "weights_averaged"]


# --- generators ------------------------------------------------------------------------------------------


class Grey(torch.nn.Module):
    """Images of one grey, which its latent says."""

    def __init__(self, *, latent_dim: int = 1, bad: bool = False) -> None:
        super().__init__()
        self.latent_dim, self.bad = latent_dim, bad
        self.scale = torch.nn.Parameter(torch.tensor(0.5))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        x = torch.tanh(self.scale * z[:, :1, None, None]).expand(-1, 1, 16, 16)
        return torch.where(z[:, :1, None, None] > 1.5, torch.nan, x) if self.bad else x


class Noise(torch.nn.Module):
    """What has nothing to learn is a generator too."""

    latent_dim = 256

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return z.view(-1, 1, 16, 16).tanh()


def test_any_generator_by_its_name(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "generator._target_=tests.test_evaluate_more.Grey",
        "evaluation=digits",
        "--n",
        "50",
        "--metrics",
        "fid",
    ]
    found = json_of(capsys, *words, "generator.latent_dim=3", "data=digits")
    assert found["protocol"]["generator"] == "tests.test_evaluate_more.Grey"
    expected = ganlab.evaluate_generator(
        Grey(latent_dim=3),
        None,
        ["data=digits", "evaluation=digits", "evaluation.n_fake=50"],
        metrics=["fid"],
    )
    assert found["metrics"] == expected.metrics
    assert expected.metrics["fid_digits"] > 100
    by_folder = json_of(capsys, *words, "--reference", files / "real")
    assert by_folder["protocol"]["reference"] == "folder:real/train"
    assert "sample number" in refused(capsys, *words, "generator.bad=true", "data=digits")
    assert "asked for uint8 images (50, 1, 32, 32)" in refused(
        capsys, *words, "data=digits", "data.resolution=32"
    )
    assert "--reference PATH, or data=NAME" in refused(capsys, *words, code=2)
    assert "unexpected keyword argument 'wide'" in refused(capsys, *words, "generator.wide=3", "data=digits")
    fixed = ganlab.evaluate_generator(
        Noise(), None, ["data=digits", "evaluation=digits", "evaluation.n_fake=9"]
    )
    assert fixed.metrics["fid_digits"] > 100
    linear = "generator._target_=torch.nn.Identity"
    assert "with a latent_dim, Identity is none" in refused(capsys, linear, "data=digits")


# --- comparing -------------------------------------------------------------------------------------------


def test_like_protocols_are_ranked(
    run: ganlab.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older = run.folder.list_checkpoints()[0]
    one, two = (json_of(capsys, which, "--metrics", "fid,is") for which in (run.path, older))
    (tmp_path / "two.json").write_text(json.dumps(two))
    words = ["evaluate", str(run.path), "--metrics", "fid,is", "--compare", str(tmp_path / "two.json")]
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, SCHEMA)
    distances = [result["metrics"]["fid_digits"] for result in found["ranking"]]
    assert distances == sorted([one["metrics"]["fid_digits"], two["metrics"]["fid_digits"]])
    assert found["ranked_by"] == "fid_digits"
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "by fid_digits, best first"
    assert [line.split()[0] for line in lines[1:]] == ["1", "2"]


def test_a_run_is_ranked_with_anybodys_images(
    run: ganlab.Run, files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "fake.npy", Digits(resolution=8).split("held_out").x[:30].numpy())
    words = ["--metrics", "fid", "--n", 30]
    ours = json_of(capsys, run.path, *words)
    data = ["data=digits", "data.resolution=8", "evaluation=digits"]
    theirs = json_of(capsys, tmp_path / "fake.npy", *words, *data)
    assert differences(ours["protocol"], theirs["protocol"]) == []
    (tmp_path / "ours.json").write_text(json.dumps(ours))
    assert main(["evaluate", str(tmp_path / "fake.npy"), *map(str, words), *data, "--compare", str(tmp_path / "ours.json")]) == 0  # fmt: skip
    best = capsys.readouterr().out.splitlines()[1].split()
    assert best[1] == str(tmp_path / "fake.npy")  # real images


def test_nothing_is_ranked_with_itself(run: ganlab.Run, capsys: pytest.CaptureFixture[str]) -> None:
    err = refused(capsys, run.path, "--metrics", "is", "--compare", f"{run.path}/", code=2)
    assert f"{run.path} is to be compared with itself" in err


def shared(path: Path) -> str:
    said = io.StringIO()
    with redirect_stdout(said):
        assert (
            main(["evaluate", str(path), "--metrics", "fid,is", "--n", "41", "--device", "cpu", "--json"])
            == 0
        )
        assert not torch.distributed.is_initialized()
        assert main(["evaluate", str(path), "--metrics", "fid", "--device", "cpu"]) == 0
    return said.getvalue()


def test_processes_that_a_launcher_started_share_the_work(
    run: ganlab.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = json_of(capsys, run.path, "--metrics", "fid,is", "--n", "41")
    with Group(2, shared, run.path) as group:
        first, second = group.results()
    assert second == ""  # one process prints
    found = json.loads(first.splitlines()[0])
    jsonschema.validate(found, SCHEMA)
    assert found["protocol"].pop("processes") == 2
    assert found["protocol"] == alone["protocol"]
    assert list(found["metrics"]) == ["fid_digits", "is_digits", "is_std_digits"]
    assert found["metrics"] == pytest.approx(alone["metrics"], rel=1e-6)
    assert first.splitlines()[2].split()[0] == "fid_digits"


def test_unlike_protocols_are_refused(
    run: ganlab.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = json_of(capsys, run.path, "--metrics", "fid")
    (tmp_path / "one.json").write_text(json.dumps(one))
    err = refused(capsys, run.path, "--metrics", "fid", "--n", "40", "--compare", tmp_path / "one.json")
    assert "cannot be ranked, they differ in kid_subset_size (40 and 30), n_fake (40 and 30)" in err
    err = refused(capsys, run.path, "--raw", "--compare", tmp_path / "one.json")
    assert "they differ in weights_averaged (False and True)" in err
    (tmp_path / "bad.json").write_text('{"metrics": 3}')
    assert "does not hold what ganlab evaluate --json prints" in refused(
        capsys, run.path, "--compare", tmp_path / "bad.json"
    )
    assert "there is no file" in refused(capsys, run.path, "--compare", tmp_path / "none.json")


def test_which_fields_set_numbers_apart() -> None:
    ours = {
        "extractor": "e",
        "n_fake": 5,
        "seed": 0,
        "weights_averaged": True,
        "batch_size": 4,
        "truncation": None,
    }
    assert differences(ours, {**ours, "seed": 1, "batch_size": 9, "images": 7}) == []
    assert differences(ours, {**ours, "n_fake": 6, "extractor": "f"}) == ["extractor", "n_fake"]
    assert differences(ours, {**ours, "weights_averaged": False}) == ["weights_averaged"]
    folder = {"extractor": "e", "n_fake": 5, "samples": "folder:x"}
    assert differences(ours, folder) == differences(folder, ours) == []
    assert differences(ours, {**folder, "shape": [1, 2, 3]}) == ["shape"]
    assert identity(ours) == identity({**ours, "seed": 3})
    assert identity(ours) != identity({**ours, "n_fake": 3})
    assert [better(name) for name in ("fid_vgg16", "is", "is_std", "kid_std_digits", "w1")] == [
        "min", "max", None, None, "min",
    ]  # fmt: skip
    named = {**ours, "reference": "folder:a/train", "reference_sha256": "1"}
    copy = {**named, "reference": "folder:b/train", "ganlab": "2"}
    assert (differences(named, copy), identity(named)) == ([], identity(copy))
    assert differences(named, {**copy, "reference_sha256": "2"}) == ["reference_sha256"]
    results = {
        "a": {"metrics": {"is_std": 1, "is": 3.0}, "protocol": {}},
        "b": {"metrics": {"is": 5.0, "fid": 1}, "protocol": {}},
    }
    assert rank(results) == ("is", ["b", "a"])
    with pytest.raises(EvaluationError, match="a, b share no metric"):
        rank({"a": {"metrics": {"is": 1}, "protocol": {}}, "b": {"metrics": {"fid": 1}, "protocol": {}}})


def test_mixtures_have_a_protocol_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = [word for word in TINY if "width" not in word and not word.startswith(("data.res", "evaluation="))]
    words = ["data=ring", "evaluation.n_fake=60", "data.n=200", "selection.seeds=0", f"run.root={tmp_path}"]
    run = ganlab.train(config.compose([*kept, *words]))
    assert run.folder.best_checkpoint.is_file()
    found = json_of(capsys, run.path, "--metrics", "modes,w1,jsd", "--seeds", "2")
    assert list(found["metrics"]) == ["modes", "w1", "jsd"]
    assert 0 < found["metrics"]["jsd"] <= np.log(2) + 1e-9


def test_mixtures_of_other_modes_are_other_references() -> None:
    def protocol(**options: Any) -> dict[str, Any]:
        data = Ring(n=10, **options)
        x = data.sample(5, torch.Generator().manual_seed(0))[0]
        return MixtureEvaluation(data=data, n_fake=5)(lambda n: x[n.start : n.stop]).protocol

    assert differences(protocol(), protocol()) == []
    assert differences(protocol(), protocol(radius=2.0)) == ["reference_sha256"]
    assert protocol()["points_transported"] == 5
    assert protocol()["torch"] == torch.__version__


# --- extractors ------------------------------------------------------------------------------------------


def test_extractors_are_a_group_that_a_user_adds_to(run: ganlab.Run, tmp_path: Path) -> None:
    chosen = {name: config.compose([f"extractor={name}"]) for name in config.choices()["extractor"]}
    assert {
        "inception-v3-compat",
        "dinov2-vit-s-14",
        "clip-vit-b-32",
        "vgg16",
        "efficientnet-lite0",
    } <= chosen.keys()
    for name, cfg in chosen.items():
        config.validate(cfg)
        assert cfg.evaluation.extractor == name
    assert config.compose(["extractor=null"]).evaluation.extractor == "digits"

    (tmp_path / "extractor").mkdir()
    mine = "# @package evaluation\n# Mine\nextractor: {_target_: tests.test_evaluation_ranks.extractor}\n"
    (tmp_path / "extractor" / "mine.yaml").write_text(mine)
    result = run.evaluate(["extractor=mine"], config_dir=[tmp_path], metrics=["fid", "coverage"])
    assert list(result.metrics) == ["fid_colours", "coverage_colours"]
    assert result.protocol["channels"] == "grey replicated to RGB"
