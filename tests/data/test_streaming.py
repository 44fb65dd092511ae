"""A set that streams gives bit for bit what one on the device gives; mirroring is a matter of position."""

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ganlab.data import DeviceLoader, ImageFolder, MappedSet, StreamingLoader, TensorSet
from ganlab.data import streaming as module
from ganlab.data.loader import Loader
from ganlab.data.order import CoinFlips
from ganlab.errors import DataError

SHAPE = (11, 3, 4, 4)
Stored = Callable[[], MappedSet]


def images() -> TensorSet:
    x = torch.randint(256, SHAPE, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return TensorSet("noise", x)


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    def store() -> MappedSet:
        path = tmp_path / "noise.images"
        path.write_bytes(images().x.numpy().tobytes() + b"what follows")
        return MappedSet.open("noise", path, SHAPE)

    return store


def loader(
    kind: type[Loader], data: TensorSet, *, position: int = 0, steps: int = 6, batch_size: int = 4,
    rank: int = 0, world_size: int = 1, flip: bool = False, device: str = "cpu",
) -> Loader:  # fmt: skip
    return kind(
        data, batch_size=batch_size, micro_batches=2, seed=5, position=position, steps=steps, device=device,
        rank=rank, world_size=world_size, flip=flip,
    )  # fmt: skip


def equal(a: list[Tensor], b: list[Tensor]) -> bool:
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("flip", [False, True])
def test_streamed_batches_are_those_of_the_device(stored: Stored, flip: bool) -> None:
    expected = list(loader(DeviceLoader, images(), flip=flip))  # 48 samples of 11: it straddles epochs
    assert [tuple(x.shape) for x in expected] == [(2, 4, 3, 4, 4)] * 6
    for data in (images(), stored()):
        assert equal(list(loader(StreamingLoader, data, flip=flip)), expected)
        assert equal(list(loader(StreamingLoader, data, flip=flip, position=16, steps=4)), expected[2:])
    assert equal(list(loader(DeviceLoader, stored(), flip=flip)), expected)


def test_ranks_stream_the_slices_of_one_process(stored: Stored) -> None:
    alone = list(loader(DeviceLoader, images(), flip=True))
    ranks = [
        list(loader(StreamingLoader, stored(), flip=True, rank=r, world_size=2, batch_size=2)) for r in (0, 1)
    ]
    assert equal([torch.cat(parts, dim=1) for parts in zip(*ranks, strict=True)], alone)


def test_each_image_is_mirrored_or_not_by_its_position_alone() -> None:
    plain = torch.cat(list(loader(DeviceLoader, images(), steps=50))).flatten(0, 1)
    flipped = torch.cat(list(loader(DeviceLoader, images(), steps=50, flip=True))).flatten(0, 1)
    mirrored = torch.tensor([not torch.equal(a, b) for a, b in zip(plain, flipped, strict=True)])
    assert torch.equal(torch.where(mirrored[:, None, None, None], plain.flip(-1), plain), flipped)
    assert torch.equal(mirrored, CoinFlips(11, seed=5)(0, 400))
    assert 160 < mirrored.sum() < 240  # 4 standard deviations
    assert not torch.equal(mirrored[:11], mirrored[11:22])
    larger = list(loader(DeviceLoader, images(), steps=25, batch_size=8, flip=True))
    assert torch.equal(torch.cat(larger).flatten(0, 1), flipped)
    assert not torch.equal(CoinFlips(400, seed=6)(0, 400), CoinFlips(400, seed=5)(0, 400))


def test_points_can_be_streamed_too() -> None:
    points = TensorSet("points", torch.arange(22.0).reshape(11, 2))
    assert equal(list(loader(StreamingLoader, points)), list(loader(DeviceLoader, points)))


def test_what_was_deleted_is_read_on(stored: Stored) -> None:
    data = stored()
    batches = iter(loader(StreamingLoader, data, steps=20))
    seen = [next(batches)]
    data.path.unlink()
    assert equal(seen + list(batches), list(loader(DeviceLoader, images(), steps=20)))


def test_a_file_that_shrinks_is_an_error_in_the_training_loop(stored: Stored) -> None:
    data = stored()
    batches: Iterator[Tensor] = iter(loader(StreamingLoader, data, steps=100))
    next(batches)
    with data.path.open("r+b") as file:
        file.truncate(100)
    with pytest.raises(DataError, match=r"noise\.images became shorter while it was being trained on"):
        list(batches)
    data.path.unlink()
    with pytest.raises(DataError, match=r"noise\.images cannot be read: No such file"):
        loader(StreamingLoader, data)


def test_leaving_the_loop_ends_the_thread(stored: Stored) -> None:
    batches = iter(loader(StreamingLoader, stored(), steps=1000))
    next(batches)
    assert "ganlab-data" in {thread.name for thread in threading.enumerate()}
    batches.close()  # type: ignore[attr-defined]
    assert "ganlab-data" not in {thread.name for thread in threading.enumerate()}


def test_a_mapped_set_is_the_set(stored: Stored) -> None:
    data = stored()
    assert torch.equal(data.x, images().x)
    assert torch.equal(data.in_memory().x, images().x)
    assert data.sha256 == images().sha256
    kept = data.path.with_suffix(".sha256")
    assert kept.read_text() == data.sha256
    kept.write_text("f" * 64)
    assert stored().sha256 == "f" * 64  # it is not worked out again
    kept.write_text("half")
    assert stored().sha256 == images().sha256
    with pytest.raises(DataError, match=r"missing\.images cannot be mapped"):
        MappedSet.open("noise", data.path.with_name("missing.images"), SHAPE)


def test_what_fits_stays_on_the_device(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda", 0)
    assert module.fits(stored(), cpu)
    monkeypatch.setattr(module, "_HOST_LIMIT", 527)
    assert not module.fits(stored(), cpu)
    assert module.fits(images(), cpu)  # it is in memory already
    for free, fits in ((3 * 528, True), (3 * 528 - 3, False)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _, free=free: (free, 10**9))
        assert module.fits(images(), cuda) == fits


def test_images_of_a_folder_stream_after_the_folder_is_gone(pictures: Path, own_cache: Path) -> None:
    source = ImageFolder(root=str(pictures), resolution=8)
    expected = list(loader(DeviceLoader, source.split("train").in_memory()))  # type: ignore[attr-defined]
    batches = iter(loader(StreamingLoader, source.split("train")))
    seen = [next(batches)]
    shutil.rmtree(pictures)
    shutil.rmtree(own_cache)
    assert equal(seen + list(batches), expected)


@pytest.mark.gpu
def test_streamed_batches_on_a_gpu_are_those_of_the_device(stored: Stored) -> None:
    for data in (images(), stored()):
        streamed = []
        for x in loader(StreamingLoader, data, flip=True, steps=200, device="cuda"):
            torch.cuda._sleep(100_000)
            streamed.append(x.clone())
        assert equal(streamed, list(loader(DeviceLoader, images(), flip=True, steps=200, device="cuda")))
