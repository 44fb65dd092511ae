"""The small classifier that judges digits: their features, class shares and inception score come from it."""

from torch import Tensor, nn
from torch.nn.functional import interpolate

CLASSIFIER_SIZE = 16  # side in pixels of what the network sees
FEATURES = 64  # fewer than half of the images in a split, so that a covariance has full rank


class DigitClassifier(nn.Module):
    """A convolutional network over uint8 images of any resolution; maps them to features and logits.

    Images are resized bilinearly (antialiased when they shrink) to 16x16 pixels and mapped to [-1, 1];
    RGB images are averaged over their channels first, so a replicated grey image gives the same numbers.
    """

    def __init__(self, *, classes: int = 10) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_block(1, 24, stride=1), *_block(24, 32, stride=2), *_block(32, 48, stride=2),
            nn.Flatten(), nn.Dropout(0.2), nn.Linear(48 * (CLASSIFIER_SIZE // 4) ** 2, FEATURES), nn.SiLU(),
        )  # fmt: skip
        self.head = nn.Linear(FEATURES, classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features (N, 64) and logits (N, classes) of images (N, 1 or 3, H, W) in 0..255."""
        features = self.body(self.prepare(x))
        return features, self.head(features)

    def prepare(self, x: Tensor) -> Tensor:
        """Images as the network sees them: (N, 1, 16, 16) in [-1, 1]."""
        x = x.to(self.head.weight.dtype).mean(dim=1, keepdim=True)
        size = (CLASSIFIER_SIZE, CLASSIFIER_SIZE)
        if x.shape[2:] != size:
            x = interpolate(x, size=size, mode="bilinear", align_corners=False, antialias=True)
        return x / 127.5 - 1


def _block(width_in: int, width_out: int, *, stride: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(width_in, width_out, 3, stride=stride, padding=1, bias=False)
    return convolution, nn.BatchNorm2d(width_out), nn.SiLU()
