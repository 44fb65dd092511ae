"""A folder or zip of anybody's images as a data set."""

import logging
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import DictConfig
from PIL import Image

from ganlab import training
from ganlab.cli import main
from ganlab.data import ImageFolder, MappedSet
from ganlab.data import module as data_module
from ganlab.data.module import TrainingData
from ganlab.data.streaming import StreamingLoader
from ganlab.errors import ConfigError, DataError
from ganlab.parts import build


def test_images_become_squares_and_subfolders_labels(pictures: Path, own_cache: Path) -> None:
    source = ImageFolder(root=str(pictures), resolution=16)
    data = source.split("train")
    assert isinstance(data, MappedSet)
    assert (source.name, data.name, source.shape) == ("folder:pictures", "folder:pictures/train", (3, 16, 16))
    assert source.classes == ("cat", "dog")
    assert data.y is not None
    assert data.y.tolist() == [0] * 6 + [1] * 6
    first_dog = np.asarray(Image.open(pictures / "dog" / "01.png")).transpose(2, 0, 1)
    np.testing.assert_array_equal(data.x[6].numpy(), first_dog)
    assert source.prefetch() == [data.path]
    assert data.path.parent == own_cache / "images"
    assert source.split("train") is data
    with pytest.raises(DataError, match="folder:pictures has no split 'test'; it has train"):
        source.split("test")


def test_grey_is_asked_for_by_one_channel(pictures: Path) -> None:
    data = ImageFolder(root=str(pictures), resolution=16, channels=1).split("train")
    rgb = ImageFolder(root=str(pictures), resolution=16).split("train").x.double()
    luma = (rgb * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1, keepdim=True)
    assert data.x.shape == (12, 1, 16, 16)
    assert (data.x.double() - luma).abs().max() <= 0.51


def test_a_zip_of_a_folder_has_the_same_images_and_labels(pictures: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        for path in pictures.rglob("*.png"):
            archive.write(path, Path("pictures") / path.relative_to(pictures))
    zipped, folder = (ImageFolder(root=str(root), resolution=8) for root in (tmp_path / "z.zip", pictures))
    assert zipped.split("train").sha256 == folder.split("train").sha256
    assert zipped.split("train").y.tolist() == folder.split("train").y.tolist()  # type: ignore[union-attr]
    assert zipped.classes == folder.classes == ("cat", "dog")


@pytest.mark.parametrize(
    ("names", "classes", "reason"),
    [
        (["a/1", "b/2", "3"], None, "3.png does not"),
        (["a/1", "a/2"], None, "all lie in the same"),
        (["a/x/1", "a/y/2", "b/x/3"], ("a", "b"), None),
        (["images/a/1", "images/b/deep/2"], ("a", "b"), None),
        (["images/a/1", "images/2"], None, "images/2.png does not"),
    ],
)
def test_labels_are_the_first_subfolders_that_differ(
    tmp_path: Path, names: list[str], classes: tuple[str, ...] | None, reason: str | None
) -> None:
    for i, name in enumerate(names):
        path = tmp_path / "set" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (i, i, i)).save(path)
    root = str(tmp_path / "set")
    assert ImageFolder(root=root, resolution=8).classes == classes
    without = ImageFolder(root=root, resolution=8, labels="none")
    assert (without.classes, without.split("train").y) == (None, None)
    asked = ImageFolder(root=root, resolution=8, labels="folders")
    if reason is None:
        assert asked.classes == classes
    else:
        with pytest.raises(
            DataError,
            match=rf"^data\.labels=folders wants the images of {root} in class subfolders; {reason}$",
        ):
            asked.prefetch()


def test_unreadable_files_are_listed_by_name_and_skipped_or_refused(
    pictures: Path, own_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = (pictures / "cat" / "00.png").read_bytes()
    (pictures / "cat" / "half.png").write_bytes(whole[: len(whole) // 2])
    (pictures / "dog" / "text.jpg").write_text("text")
    Image.new("RGB", (1, 1)).save(pictures / "dog" / "dot.png")
    frames = [Image.new("L", (16, 16), grey) for grey in (0, 100, 200)]
    frames[0].save(pictures / "dog" / "moving.gif", save_all=True, append_images=frames[1:])
    with caplog.at_level(logging.WARNING):
        data = ImageFolder(root=str(pictures), resolution=8).split("train")
    assert len(data) == 13
    named = "cat/half.png (truncated), dog/dot.png (only 1x1 pixels), dog/text.jpg (not an image)"
    sentence = f"3 image files in {pictures} cannot be read: {named}"
    assert caplog.messages == [
        f"{sentence}; they are skipped",
        f"{pictures}: of 1 animated images the first frame is used",
    ]
    with pytest.raises(DataError) as caught:
        ImageFolder(root=str(pictures), resolution=8, unreadable="refuse").split("train")
    assert str(caught.value) == f"{sentence}; mend or remove them, or set data.unreadable=skip"
    for i in range(30):
        (pictures / f"{i}.png").write_text("text")
    with pytest.raises(DataError, match=r"and 30 more \(all are listed in (.*)\); mend") as caught:
        ImageFolder(root=str(pictures), resolution=8, unreadable="refuse").split("train")
    listed = Path(str(caught.value).partition("listed in ")[2].partition(")")[0])
    assert len(listed.read_text().splitlines()) == 33


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"root": None}, "root is missing: it is the folder or zip of your images"),
        ({"resolution": 3}, "resolution must be at least 4, got 3"),
        ({"channels": 2}, "channels must be 1 or 3, got 2"),
        ({"labels": "yes"}, "labels must be auto, folders or none, got 'yes'"),
        ({"unreadable": "ignore"}, "unreadable must be skip or refuse, got 'ignore'"),
        ({"smallest": 0}, "smallest must be at least 1, got 0"),
        ({"workers": 0}, "workers must be at least 1, got 0"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        ImageFolder(**{"root": "x", **arguments})


def test_a_root_that_is_not_there_is_an_error_when_it_is_needed(tmp_path: Path) -> None:
    source = ImageFolder(root=str(tmp_path / "missing"))
    assert source.shape == (3, 64, 64)
    with pytest.raises(DataError, match=r"there is no folder and no zip .*/missing"):
        source.prefetch()


OWN = ("data=folder", "data.resolution=8", "evaluation.every=32")


def test_a_run_streams_a_folder_as_it_keeps_it_in_memory(
    tiny: Callable[..., DictConfig], pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def losses(name: str) -> list[dict[str, Any]]:
        cfg = tiny(*OWN, f"data.root={pictures}", "data.flip=true", f"run.name={name}")
        lines = training.train(cfg).folder.read_metrics()
        return [{k: v for k, v in line.items() if not k.startswith("time/")} for line in lines]

    kept = losses("kept")
    monkeypatch.setattr(data_module, "fits", lambda *_: False)
    fill = StreamingLoader._fill

    def filled(self: StreamingLoader, *arguments: Any) -> None:
        shutil.rmtree(pictures, ignore_errors=True)  # the root disappears when the run has begun
        fill(self, *arguments)

    monkeypatch.setattr(StreamingLoader, "_fill", filled)
    assert losses("streamed") == kept
    assert not pictures.exists()


def test_the_yaml_builds_and_its_mistakes_are_sentences(
    tiny: Callable[..., DictConfig], pictures: Path
) -> None:
    parts = build(tiny(*OWN, f"data.root={pictures}", "data.channels=1"))
    assert isinstance(parts.data, TrainingData)
    assert parts.source.shape == (1, 8, 8)
    for word, reason in (
        ("data.root=null", "data.root is missing"),
        ("data.channels=2", "data.channels must be one of"),
    ):
        with pytest.raises(ConfigError, match=reason):
            build(tiny(*OWN, word))


def test_a_run_whose_images_are_missing_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["data=folder", f"data.root={tmp_path / 'mistyped'}", f"run.root={tmp_path / 'runs'}"]
    assert main(["train", *words, "wandb.mode=disabled", "trainer=cpu"]) == 1
    assert capsys.readouterr().err == f"ganlab: there is no folder and no zip {tmp_path / 'mistyped'}\n"
    assert not (tmp_path / "runs").exists()
