"""Pixels against what the file format says they are; damaged files against a reason in words."""

import contextlib
import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torch.nn.functional import interpolate

from ganlab.imagefiles.decode import Target, UnreadableError, decode

RGB = Target(16, 3, 8)
GREY = Target(16, 1, 8)


def png(array: np.ndarray, mode: str | None = None, **options: object) -> bytes:
    return save(Image.fromarray(array), "PNG", **options)


def save(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pixels(data: bytes, target: Target = RGB) -> np.ndarray:
    decoded, _ = decode(data, target)
    return np.frombuffer(decoded, np.uint8).reshape(target.channels, target.resolution, target.resolution)


def noise(height: int = 16, width: int = 16) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_pixels_of_the_right_size_stay_as_they_are() -> None:
    image = noise()
    np.testing.assert_array_equal(pixels(png(image)), image.transpose(2, 0, 1))


def test_larger_images_are_reduced_by_an_antialiased_bicubic_filter() -> None:
    image = noise(50, 50)
    expected = interpolate(
        torch.from_numpy(image).permute(2, 0, 1)[None].double(), (16, 16), mode="bicubic", antialias=True
    )
    difference = pixels(png(image)) - expected[0].clamp(0, 255).numpy()
    assert abs(difference).max() < 1.5  # Pillow rounds between its two passes


def test_the_centre_is_taken() -> None:
    stripes = np.zeros((16, 49, 3), np.uint8)
    stripes[:, :16], stripes[:, 16:32], stripes[:, 32:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    assert (pixels(png(stripes)) == np.array([0, 255, 0])[:, None, None]).all()
    assert (pixels(png(stripes.transpose(1, 0, 2))) == np.array([0, 255, 0])[:, None, None]).all()
    tall = pixels(png(np.repeat(np.repeat(stripes, 3, 0), 3, 1)))
    assert (tall[1, :, 2:-2] > 250).all()
    assert (tall[[0, 2], :, 2:-2] < 5).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_put_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = png(noise(16, 24), exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    wide = expected.shape[1] > expected.shape[0]
    centre = expected[:, 4:20] if wide else expected[4:20]
    np.testing.assert_array_equal(pixels(data), centre.transpose(2, 0, 1))


def test_a_rotated_jpeg_is_put_upright() -> None:
    top_red = np.zeros((16, 16, 3), np.uint8)
    top_red[:8, :, 0] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # the camera was upside down
    decoded = pixels(save(Image.fromarray(top_red), "JPEG", exif=exif))
    assert decoded[0, :6].max() < 30
    assert decoded[0, 10:].min() > 225


def test_garbage_for_exif_leaves_the_pixels() -> None:
    data = save(Image.fromarray(noise()), "PNG", exif=b"Exif\0\0garbage")
    np.testing.assert_array_equal(pixels(data), noise().transpose(2, 0, 1))


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    ramp = np.repeat(np.array([[0, 200, 32896, 65535]], np.uint16), 4, 1).repeat(16, 0)
    assert pixels(png(ramp), GREY)[0, 0, ::4].tolist() == [0, 1, 128, 255]
    assert pixels(png(ramp))[:, 5, 8].tolist() == [128, 128, 128]


def test_colour_becomes_grey_by_luma_and_grey_becomes_colour_by_copying() -> None:
    colour = np.full((16, 16, 3), (200, 100, 50), np.uint8)
    assert set(pixels(png(colour), GREY).ravel()) == {124}  # 0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 124.2
    assert (pixels(png(colour[..., 0])) == 200).all()


def test_transparency_lies_on_white() -> None:
    half = np.full((16, 16, 4), (0, 100, 255, 128), np.uint8)
    expected = [255 - 255 * 128 / 255, 255 - 155 * 128 / 255, 255]
    np.testing.assert_allclose(pixels(png(half))[:, 3, 3], expected, atol=1)
    palette = Image.fromarray(np.zeros((16, 16), np.uint8)).convert("P")
    palette.putpalette([10, 20, 30, 0, 0, 0])
    assert pixels(save(palette, "PNG"))[:, 0, 0].tolist() == [10, 20, 30]
    assert pixels(save(palette, "PNG", transparency=0))[:, 0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [("1", 1, [255] * 3), ("L", 77, [77] * 3), ("LA", (77, 255), [77] * 3), ("P", 0, [0] * 3)],
)
def test_every_mode_of_png_becomes_rgb(mode: str, colour: object, expected: list[int]) -> None:
    assert pixels(save(Image.new(mode, (16, 16), colour), "PNG"))[:, 8, 8].tolist() == expected


def test_cmyk_jpeg_becomes_rgb() -> None:
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    np.testing.assert_allclose(pixels(save(red, "JPEG", quality=95))[:, 8, 8], [255, 0, 0], atol=8)


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue", "lime")]
    data = save(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode(data, RGB)[1]
    assert pixels(data)[:, 0, 0].tolist() == [255, 0, 0]
    assert not decode(save(frames[1], "GIF"), RGB)[1]


def test_small_images_are_enlarged_and_tiny_ones_refused() -> None:
    assert pixels(png(np.full((8, 8, 3), 9, np.uint8))).tolist() == np.full((3, 16, 16), 9).tolist()
    with pytest.raises(UnreadableError, match="only 1x1 pixels"):
        decode(png(noise(1, 1)), RGB)
    with pytest.raises(UnreadableError, match="only 100x7 pixels"):
        decode(png(noise(7, 100)), RGB)
    assert (
        pixels(png(np.full((1, 1, 3), 9, np.uint8)), Target(4, 3, 1)).tolist()
        == np.full((3, 4, 4), 9).tolist()
    )


def test_damaged_files_have_a_reason() -> None:
    jpeg, whole_png = save(Image.fromarray(noise(64, 64)), "JPEG"), png(noise(64, 64))
    gif = save(Image.fromarray(noise(64, 64)), "GIF")
    for data in (jpeg[: len(jpeg) // 2], whole_png[: len(whole_png) // 2], gif[: len(gif) // 2]):
        with pytest.raises(UnreadableError, match=r"^truncated$"):
            decode(data, RGB)
    flipped = bytearray(whole_png)
    flipped[len(flipped) // 2] ^= 255
    with pytest.raises(UnreadableError):
        decode(bytes(flipped), RGB)
    for data, reason in ((b"", "empty"), (b"a, b, c\n1, 2, 3\n", "not an image")):
        with pytest.raises(UnreadableError, match=f"^{reason}$"):
            decode(data, RGB)


def test_every_truncation_of_a_file_is_decoded_or_refused() -> None:
    for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"):
        data = save(Image.fromarray(noise(24, 24)), kind)
        for end in range(0, len(data), max(1, len(data) // 40)):
            with contextlib.suppress(UnreadableError):
                assert len(decode(data[:end], RGB)[0]) == RGB.size


def test_pixels_without_a_known_range_are_refused() -> None:
    for mode in ("F", "I"):
        with pytest.raises(UnreadableError, match=f"pixels of type '{mode}' have no known range"):
            decode(save(Image.new(mode, (16, 16), 1), "TIFF"), RGB)


def test_a_decompression_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UnreadableError, match="more pixels than Pillow accepts"):
        decode(png(noise(20, 20)), RGB)
    assert decode(png(noise(8, 16)), RGB)  # Pillow only warns of this one


def test_formats_that_run_programs_are_not_opened() -> None:
    eps = save(Image.fromarray(noise()), "EPS")
    with pytest.raises(UnreadableError, match="not an image"):
        decode(eps, RGB)
