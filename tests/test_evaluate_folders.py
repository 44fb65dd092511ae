"""Measuring what anybody made: two folders, against torch-fidelity on the same files."""

import shutil
import zipfile
from pathlib import Path

import pytest
from PIL import Image

import ganlab
from ganlab.cli import main
from ganlab.data import Digits
from ganlab.errors import GanlabError
from ganlab.images import save_folder
from tests.pictures import pictures


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the person who runs the tests is read or written."""
    monkeypatch.setenv("GANLAB_CACHE", str(tmp_path / "cache"))


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
