"""Measuring what was trained, and what anybody made: the numbers, their protocol, and what is refused."""

import hashlib
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ganlab
from ganlab import config
from ganlab.cli import main
from ganlab.data import Digits
from ganlab.errors import EvaluationError, GanlabError
from ganlab.images import save_folder
from tests.conftest import TINY

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the person who runs the tests is read or written."""
    monkeypatch.setenv("GANLAB_CACHE", str(cache))


def train(root: Path, *words: str) -> ganlab.Run:
    return ganlab.train(config.compose([*TINY, f"run.root={root}", *words]))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> ganlab.Run:
    """A run that measured itself with 30 fakes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANLAB_CACHE", str(cache))
        words = ("evaluation=digits", "evaluation.n_fake=30", "ema.rampup=0.5")
        return train(tmp_path_factory.mktemp("runs"), *words)


def json_of(capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    assert main(["evaluate", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def pictures(folder: Path, n: int, *, size: int = 12, channels: int = 3, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    save_folder(rng.integers(0, 256, (n, channels, size, size), dtype=np.uint8), folder)
    return folder


# --- runs --------------------------------------------------------------------------------------------------


def test_a_run_measures_as_it_did_while_it_trained(
    run: ganlab.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run.evaluate()
    assert result.metrics == run.summary["final"]
    digest = hashlib.sha256(run.checkpoint.read_bytes()).hexdigest()
    assert result.protocol == {**run.summary["protocol"], "checkpoint_sha256": digest}
    assert (result.protocol["images"], result.protocol["weights_averaged"]) == (64, True)
    printed = json_of(capsys, run.path)
    assert (printed["metrics"], printed["protocol"]) == (result.metrics, result.protocol)
    assert (printed["run"], printed["checkpoint"]) == (str(run.path), str(run.checkpoint))


def test_an_older_checkpoint_and_the_raw_weights(run: ganlab.Run, capsys: pytest.CaptureFixture[str]) -> None:
    older = run.folder.list_checkpoints()[0]
    printed = json_of(capsys, older, "--metrics", "fid,coverage")
    (line,) = [line for line in run.metrics if line["images"] == 32 and "eval/fid_digits" in line]
    assert printed["metrics"] == {name: line[f"eval/{name}"] for name in ("fid_digits", "coverage_digits")}
    assert printed["protocol"]["images"] == 32
    raw = json_of(capsys, older, "--raw")
    assert raw["protocol"]["weights_averaged"] is False
    assert raw["metrics"]["fid_digits"] != printed["metrics"]["fid_digits"]


def test_double_precision_is_kept(tmp_path: Path) -> None:
    run = train(tmp_path, "evaluation=digits", "evaluation.n_fake=20", "trainer.precision=64-true")
    assert run.generator().input[0].weight.dtype == torch.float64
    assert run.evaluate().metrics == run.summary["final"]


def test_points(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["data=ring", "evaluation.n_fake=50", "data.n=200"]
    kept = [word for word in TINY if "width" not in word and not word.startswith(("data.res", "evaluation="))]
    run = ganlab.train(config.compose([*kept, *words, f"run.root={tmp_path}"]))
    assert run.evaluate().metrics == run.summary["final"]
    assert main(["evaluate", str(run.path), "--metrics", "modes"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == [
        "modes",
        str(int(run.evaluate().metrics["modes"])),
    ]
    assert main(["evaluate", str(run.path), "evaluation=digits"]) == 1
    assert "data=ring is points: evaluation=mixture" in capsys.readouterr().err
    assert main(["evaluate", "--samples", str(run.path), "--reference", str(run.path)]) == 1
    assert f"{run.path} is a run, not a folder of images: ganlab evaluate" in capsys.readouterr().err


def test_another_evaluation_on_top_of_the_runs(run: ganlab.Run, tmp_path: Path) -> None:
    (tmp_path / "evaluation").mkdir()
    mine = "# Mine\n_target_: ganlab.evaluation.ImageEvaluation\nextractor: digits\nn_fake: 25\nevery: 5\n"
    (tmp_path / "evaluation" / "mine.yaml").write_text(mine)
    own = run.evaluate(["evaluation=mine", "evaluation.seed=3"], config_dir=[tmp_path], metrics=["is"])
    assert (own.protocol["n_fake"], own.protocol["seed"]) == (25, 3)
    assert list(own.metrics) == ["is_digits"]
    with pytest.raises(EvaluationError, match=r"evaluation\.weights: there is no file nowhere\.pt"):
        run.evaluate(["evaluation=inception", "evaluation.weights=nowhere.pt"])


def test_a_run_before_its_first_checkpoint(
    run: ganlab.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(run.path, tmp_path / "copy")
    moved = json_of(capsys, copy, "evaluation.n_fake=20")
    assert moved["run"] == str(copy)
    shutil.rmtree(copy / "checkpoints")
    assert main(["evaluate", str(copy)]) == 1
    assert capsys.readouterr().err == f"ganlab: the run {copy} has no checkpoint yet\n"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ([], 2, "evaluate needs a run, or two folders: --samples DIR --reference DIR"),
        (["--samples", "a"], 2, "two folders: --samples DIR --reference DIR"),
        (["RUN", "--samples", "a"], 2, "a run, or --samples and --reference, not both"),
        (["--samples", "a", "--reference", "b", "--raw"], 2, "--raw is about a run's weights"),
        (["RUN", "--metrics", "fid,,is"], 2, "must be names with commas between them, got 'fid,,is'"),
        (["RUN", "--metrics", "fdi"], 1, "has no metric 'fdi'; did you mean fid?"),
        (["RUN", "--metrics", "zzz"], 1, "has no metric 'zzz'; there is fid_digits, is_digits"),
        (["RUN", "evaluation=none"], 1, "measures nothing; choose one, such as evaluation=inception"),
        (["RUN", "evaluation=incepton"], 1, "did you mean inception?"),
        (["RUN", "evaluation=mixture"], 1, "data=digits is not one"),
        (["RUN", "evaluation.n_fake=1"], 1, "evaluation.n_fake must be at least 2, got 1"),
        (["RUN", "evaluation.nfake=5"], 1, "takes no 'nfake'; did you mean n_fake?"),
        (
            ["RUN", "objective=hinge"],
            1,
            "objective is part of what the run is; an evaluation takes evaluation=",
        ),
        (["RUN", "--device", "tpu9"], 1, "there is no device 'tpu9' here"),
        (["no/such/run"], 1, "no/such/run is not a run"),
        (["--samples", "a", "--reference", "no/b"], 1, "there is no folder and no zip"),
    ],
)
def test_refusals(
    words: list[str], code: int, says: str, run: ganlab.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *[str(run.path) if word == "RUN" else word for word in words]]) == code
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert says in err


def fidelity(samples: Path, reference: Path) -> dict[str, float]:
    """What torch-fidelity says of two folders that it reads itself."""
    from torch_fidelity import calculate_metrics

    import ganlab.evaluation.extractors  # noqa: F401  registers the classifier of digits

    found = calculate_metrics(
        input1=str(samples), input2=str(reference), fid=True, isc=True, feature_extractor="digits", cuda=False,
        cache=False, verbose=False, save_cpu_ram=True,
    )  # fmt: skip
    return {
        "fid_digits": found["frechet_inception_distance"],
        "is_digits": found["inception_score_mean"],
        "is_std_digits": found["inception_score_std"],
    }


# --- folders -----------------------------------------------------------------------------------------------


def test_two_folders_have_the_numbers_of_their_images(tmp_path: Path, cache: Path) -> None:
    fake, real = (Digits(resolution=12).split(split).x[:60] for split in ("train", "held_out"))
    for name, x in (("fake", fake), ("real", real)):
        save_folder(x.numpy(), tmp_path / name)
    with zipfile.ZipFile(tmp_path / "fake.zip", "w") as archive:
        for path in (tmp_path / "fake").iterdir():
            archive.write(path, path.name)

    expected = fidelity(tmp_path / "fake", tmp_path / "real")
    words = ["evaluation=digits"]
    result = ganlab.evaluate_folders(tmp_path / "fake", tmp_path / "real", words)
    assert {name: result.metrics[name] for name in expected} == pytest.approx(expected, rel=1e-6)
    assert expected["fid_digits"] > 1
    assert result.protocol["shape"] == [1, 12, 12]
    assert (result.protocol["n_fake"], result.protocol["n_real"]) == (60, 60)
    assert result.protocol["samples_sha256"] != result.protocol["reference_sha256"]
    zipped = ganlab.evaluate_folders(tmp_path / "fake.zip", tmp_path / "real", words, metrics=["fid"])
    assert zipped.metrics == {"fid_digits": result.metrics["fid_digits"]}
    (tmp_path / "fewer").mkdir()
    for path in sorted((tmp_path / "fake").iterdir())[:40]:
        shutil.copy(path, tmp_path / "fewer")
    some = ganlab.evaluate_folders(tmp_path / "fake", tmp_path / "real", [*words, "evaluation.n_fake=40"])
    expected = fidelity(tmp_path / "fewer", tmp_path / "real")
    assert {name: some.metrics[name] for name in expected} == pytest.approx(expected, rel=1e-6)


def test_images_of_another_size_or_kind_are_converted_where_asked(tmp_path: Path) -> None:
    words = ["evaluation=digits", "data.resolution=10", "data.channels=1"]
    small, wide = pictures(tmp_path / "small", 5), pictures(tmp_path / "wide", 6, size=16, channels=1, seed=1)
    Image.new("RGB", (40, 20)).save(wide / "wide.png")
    (small / "broken.png").write_text("text")
    with pytest.raises(
        GanlabError, match=r"broken\.png \(not an image\); mend .* or set data\.unreadable=skip"
    ):
        ganlab.evaluate_folders(small, wide, words)
    protocol = ganlab.evaluate_folders(small, wide, [*words, "data.unreadable=skip"]).protocol
    assert (protocol["shape"], protocol["n_fake"], protocol["n_real"]) == ([1, 10, 10], 5, 7)
    assert protocol["decoding"] == "shorter side to 10 by Pillow's bicubic filter, centre square"


def test_folders_that_do_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, grey = pictures(tmp_path / "good", 4), pictures(tmp_path / "grey", 4, channels=1)
    large, one = pictures(tmp_path / "large", 4, size=20), pictures(tmp_path / "one", 1)
    mixed = pictures(tmp_path / "mixed", 4)
    Image.new("RGB", (20, 20)).save(mixed / "large.png")
    tall = tmp_path / "tall"
    tall.mkdir()
    for i in range(2):
        Image.new("RGB", (12, 14)).save(tall / f"{i}.png")
    for name, content in (("empty", None), ("text", "text")):
        (tmp_path / name).mkdir()
        if content:
            (tmp_path / name / "a.png").write_text(content)
    sizes, kinds = (
        "data.resolution=R makes them squares",
        "data.channels=1 makes all grey, data.channels=3 all RGB",
    )
    cases = [
        (good, large, [], f"{good} holds images of 12x12 pixels, {large} images of 20x20 pixels; {sizes}"),
        (good, grey, [], f"{good} holds images in colour, {grey} images in grey; {kinds}"),
        (mixed, good, [], f"{mixed} holds 4 images of 12x12 pixels, 1 of 20x20 pixels; {sizes}"),
        (tall, tall, [], f"the images are of 12x14 pixels, not square; {sizes}"),
        (one, good, [], f"{one} holds only 1 image, and an evaluation needs at least 2"),
        (good, one, [], f"{one} holds only 1 image"),
        (tmp_path / "empty", good, [], "holds no images"),
        (tmp_path / "text", good, [], "can be read: a.png (not an image)"),
        (good, good, ["evaluation.n_fake=9"], f"evaluation.n_fake is 9, and {good} holds 4 images"),
        (good, good, ["evaluation=mixture"], "evaluation=mixture measures Gaussian mixtures"),
        (good, good, ["evaluation=none"], "this evaluation measures nothing"),
        (
            good,
            good,
            ["data.root=x"],
            "data.root says nothing about two folders of images; they take evaluation,",
        ),
        (good, good, ["evaluation=inception", "evaluation.weights=no.pt"], "there is no file no.pt"),
    ]
    for samples, reference, words, says in cases:
        words = (
            words if any(word.startswith("evaluation=") for word in words) else ["evaluation=digits", *words]
        )
        assert main(["evaluate", "--samples", str(samples), "--reference", str(reference), *words]) == 1
        out, err = capsys.readouterr()
        assert (out, len(err.splitlines())) == ("", 1), err
        assert says in err
