"""The handwritten digits embedded in scikit-learn: 1,797 greyscale images of 8x8 pixels, 10 classes."""

import torch
from torch.nn.functional import interpolate

from ganlab.data.source import DataSource, TensorSet


class Digits(DataSource):
    """Two halves that share no image: ``train`` (901) for the GAN, ``held_out`` (896) for what judges it.

    Within every class the images alternate between the halves, in the order scikit-learn ships them.

    Args:
        resolution: side length in pixels, >= 8; the original 8x8 images are enlarged bilinearly.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI (1998).
    """

    name = "digits"
    classes = tuple("0123456789")
    splits = ("train", "held_out")

    def __init__(self, *, resolution: int = 16) -> None:
        if resolution < 8:
            raise ValueError(f"resolution must be at least 8, got {resolution}")
        self.resolution = resolution
        self.shape = (1, resolution, resolution)

    def _load(self, split: str) -> TensorSet:
        from sklearn.datasets import load_digits

        digits = load_digits()
        x = torch.from_numpy(digits.images).float()[:, None] * (255 / 16)  # stored as 0..16
        y = torch.from_numpy(digits.target).long()
        rank_in_class = torch.stack([y == k for k in range(10)]).cumsum(1).gather(0, y[None])[0]
        chosen = rank_in_class % 2 == (1 if split == "train" else 0)
        if self.resolution != 8:
            x = interpolate(x, size=(self.resolution, self.resolution), mode="bilinear", align_corners=False)
        return TensorSet(f"digits/{split}", x[chosen].round().to(torch.uint8), y[chosen])
