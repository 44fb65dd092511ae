"""Feature extractors: torch-fidelity's own, the classifier of digits, or a user's, all run the same way.

Importing this module imports torch_fidelity, which takes seconds: import it where features are needed.
"""

import difflib
import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Literal

import torch
from torch import Tensor
from torch_fidelity import FeatureExtractorBase, register_feature_extractor
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

from ganlab.errors import EvaluationError
from ganlab.evaluation import efficientnet
from ganlab.evaluation.classifier import DigitClassifier
from ganlab.evaluation.weights_files import (
    DIGITS_SHA256,
    INCEPTION_SHA256,
    checked,
    digits_weights,
    file_sha256,
    inception_weights,
)

INCEPTION = "inception-v3-compat"
_DINO = [f"dinov2-vit-{size}-14" for size in "sblg"]
RESIZE = {
    "digits": "bilinear to 16x16, antialiased when shrinking",
    INCEPTION: "TensorFlow 1.x bilinear to 299x299, without antialiasing",
    efficientnet.NAME: "bilinear to 224x224, antialiased when shrinking",
    **dict.fromkeys(
        ("vgg16", "clip-vit-b-32", *_DINO), "TensorFlow 1.x bilinear to 224x224, without antialiasing"
    ),
}
Precision = Literal["float32", "bfloat16"]
_log = logging.getLogger(__name__)


class DigitsExtractor(FeatureExtractorBase):
    """The classifier of digits as torch-fidelity sees it: layers ``features`` (64) and ``logits`` (10)."""

    def __init__(
        self, name: str = "digits", features_list: tuple[str, ...] = ("features", "logits"),
        feature_extractor_weights_path: str | None = None, **unused: object,
    ) -> None:  # fmt: skip
        # `unused`: torch-fidelity hands its options to all extractors
        super().__init__(name, list(features_list))
        path = Path(feature_extractor_weights_path) if feature_extractor_weights_path else digits_weights()
        self.classifier = DigitClassifier()
        self.classifier.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
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
        return torch.zeros(1, 1, 16, 16, dtype=torch.uint8)

    def forward(self, input: Tensor) -> tuple[Tensor, ...]:
        """Layers asked for, of uint8 images (N, 1 or 3, H, W)."""
        layers = dict(zip(self.get_provided_features_list(), self.classifier(input), strict=True))
        return tuple(layers[name] for name in self.features_list)


for _name, _class in (("digits", DigitsExtractor), (efficientnet.NAME, efficientnet.EfficientNetLite0)):
    if _name not in FEATURE_EXTRACTORS_REGISTRY:
        register_feature_extractor(_name, _class)


class Extractor:
    """Maps uint8 images to features and, where it classifies, logits, both float32; eval mode.

    Args:
        module: any torch-fidelity feature extractor.
        path: file of its weights; None: `sha256` is of the names and values of the parameters and buffers.
        dtype: ``float32``, or ``bfloat16``: inside autocast, faster on a GPU and no longer comparable.
    """

    def __init__(
        self, module: FeatureExtractorBase, *, path: Path | None = None, dtype: Precision = "float32"
    ) -> None:
        self.module = module.float().requires_grad_(False).eval()
        self.name, self.dtype = module.get_name(), dtype
        self.path, self.sha256 = path, file_sha256(path) if path else _state_sha256(module)
        self.resize = RESIZE.get(self.name, "inside the extractor")
        provided = module.get_requested_features_list()
        self.layer = module.get_default_feature_layer_for_metric("fid")
        logits_layer = _logits_layer(type(module))
        self.logits_layer = logits_layer if logits_layer in provided else None
        if self.layer not in provided:
            raise EvaluationError(f"the extractor {self.name} lacks {self.layer!r} in its features_list")

    def to(self, device: torch.device | str) -> "Extractor":
        self.module.to(device)
        return self

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features (N, D) and logits (N, K) or None of images (N, 1 or 3, H, W); grey is made RGB."""
        x = x.expand(-1, 3, -1, -1) if x.shape[1] == 1 else x
        half = torch.autocast(x.device.type, torch.bfloat16, enabled=self.dtype == "bfloat16")
        with full_precision(x.device), half:
            layers = self.module.convert_features_tuple_to_dict(self.module(x))
        return layers[self.layer].float(), layers[self.logits_layer].float() if self.logits_layer else None


def load_extractor(
    which: str | FeatureExtractorBase, *, weights: Path | None, cache: Path, dtype: Precision = "float32"
) -> Extractor:
    """An extractor by the name it is registered with in torch-fidelity, or an instance of a user's class.

    Args:
        weights: file of its weights; None: those that ship, or torch-fidelity's download.
        cache: folder for downloads.
        dtype: of the extractor's arithmetic, see `Extractor`.

    Raises:
        EvaluationError: the name is unknown, or the weights are missing, corrupt or of another network.
    """
    if isinstance(which, FeatureExtractorBase):
        return Extractor(which, dtype=dtype)
    if which not in FEATURE_EXTRACTORS_REGISTRY:
        names = list(FEATURE_EXTRACTORS_REGISTRY)
        near = difflib.get_close_matches(which, names, n=3) or names
        raise EvaluationError(f"no feature extractor is called {which!r}; there is {', '.join(near)}")
    path = weights
    if path is None and which in _DEFAULT_WEIGHTS:
        path = _DEFAULT_WEIGHTS[which](cache)
    module = _construct(which, path)
    extractor = Extractor(module, path=path or _downloaded(which), dtype=dtype)
    if extractor.sha256 != (right := _PUBLISHED.get(which, extractor.sha256)):
        _log.warning(
            "%s has sha256 %s, the published weights of %s have %s: numbers compare with no others",
            path, extractor.sha256, which, right,
        )  # fmt: skip
    return extractor


_DEFAULT_WEIGHTS: dict[str, Callable[[Path], Path]] = {
    "digits": lambda cache: digits_weights(),
    INCEPTION: inception_weights,
    efficientnet.NAME: lambda cache: checked(efficientnet.package_weights(), efficientnet.SHA256),
}
_DOWNLOADS = {  # what torch-fidelity has torch.hub download
    "vgg16": "vgg16-*.pth", "clip-vit-b-32": "clip-vit-b-32-*.pt", "dinov2-vit-s-14": "dinov2_vits14_pretrain.pth",
}  # fmt: skip
_PUBLISHED = {"digits": DIGITS_SHA256, INCEPTION: INCEPTION_SHA256, efficientnet.NAME: efficientnet.SHA256}


def _downloaded(name: str) -> Path | None:
    """The file that torch.hub keeps of an extractor's weights; None for one that it did not download."""
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    return next(iter(sorted(folder.glob(_DOWNLOADS[name]))), None) if name in _DOWNLOADS else None


def _construct(name: str, path: Path | None) -> FeatureExtractorBase:
    cls = FEATURE_EXTRACTORS_REGISTRY[name]
    layers = [cls.get_default_feature_layer_for_metric("fid")]
    layers += [layer] if (layer := _logits_layer(cls)) else []
    # the constructor draws initial weights
    with torch.random.fork_rng(devices=[]), default_dtype(torch.float32):
        try:
            if path is not None and not name.startswith("clip-"):  # CLIP's files are TorchScript archives
                # torch-fidelity unpickles whatever it is given: see first that it is tensors only
                torch.load(path, map_location="cpu", weights_only=True)
            return cls(name, layers, feature_extractor_weights_path=path and str(path), verbose=False)
        except NotImplementedError as error:  # DINOv2 takes no file
            raise EvaluationError(
                f"torch-fidelity loads {name} from torch.hub alone: leave evaluation.weights out"
            ) from error
        except (
            RuntimeError, UnpicklingError, EOFError, KeyError, TypeError, AttributeError, OSError,
        ) as error:  # fmt: skip
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            if path is not None:
                right = f", the published weights {_PUBLISHED[name]}" if name in _PUBLISHED else ""
                raise EvaluationError(
                    f"{path} holds no weights of {name} ({reason}); it has sha256 {file_sha256(path)}{right}"
                ) from error
            raise EvaluationError(
                f"cannot fetch the weights of {name} ({reason}): run 'ganlab prefetch evaluation=inception"
                f" extractor={name}' where there is internet, or set evaluation.weights to a file of them"
            ) from error


def _logits_layer(cls: type[FeatureExtractorBase]) -> str | None:
    """The layer of class logits; extractors without classes answer with the layer of their features."""
    layer = cls.get_default_feature_layer_for_metric("isc")
    return None if layer == cls.get_default_feature_layer_for_metric("fid") else layer


def _state_sha256(module: torch.nn.Module) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype} ".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    previous = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(previous)


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """float32 that is float32: no autocast, no TF32, no autotuned kernels; restores all settings."""
    matmul = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    cudnn = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False, fp32_precision="ieee"
    )
    try:
        with default_dtype(torch.float32), torch.autocast(device.type, enabled=False), cudnn, torch.no_grad():
            yield
    finally:
        torch.set_float32_matmul_precision(matmul)
