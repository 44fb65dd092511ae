"""Make torchvision importable beside a CPU-only torch.

The Linux wheels of torchvision on PyPI are built against CUDA.  Beside a CPU build of torch their
compiled extension does not load, and ``import torchvision`` raises ``operator torchvision::nms does not
exist`` while it registers a meta kernel; with it fail lightning, torchmetrics and torch_fidelity, none of
which use that operator here.  `install` puts a finder in front of ``sys.meta_path`` that acts on the
first import of torchvision only: it lets the import try, and only after exactly that failure declares the
missing operators and executes the package again.  Where the extension loads, nothing changes.
"""

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType

_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: list[object] = []  # a torch.library.Library takes its operators back when it is collected


class _Loader(importlib.abc.Loader):
    """Executes torchvision with its own loader, a second time if its operators turn out to be missing."""

    def __init__(self, loader: importlib.abc.Loader) -> None:
        self.loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self.loader
        try:
            self.loader.exec_module(module)
        except RuntimeError as error:
            if "operator torchvision::" not in str(error):
                raise
            for name in [name for name in sys.modules if name.startswith("torchvision.")]:
                del sys.modules[name]
            _declare_operators()
            self.loader.exec_module(module)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != "torchvision":
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


def _declare_operators() -> None:
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in ("nms", "qnms"):
        library.define(operator + _SIGNATURE)
    _declared.append(library)


def install() -> None:
    """Watch for the first import of torchvision; does nothing if it is imported or watched already."""
    if "torchvision" not in sys.modules and not any(isinstance(f, _Finder) for f in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
