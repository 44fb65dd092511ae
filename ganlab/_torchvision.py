"""Make torchvision importable beside a CPU-only torch.

The Linux wheels of torchvision on PyPI are built against CUDA.  Beside a CPU build of torch their
compiled extension does not load, and ``import torchvision`` raises ``operator torchvision::nms does not
exist`` while registering a meta kernel; with it fail lightning, torchmetrics and torch_fidelity, none of
which use that operator here.  `install` puts a finder in front of ``sys.meta_path`` that waits for the
first import of torchvision, lets it try, and only after exactly that failure declares the missing
operators and lets it try again.  Where the extension loads, nothing changes.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType

_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: list[object] = []  # a torch.library.Library takes its operators back when it is collected


class _Loader(importlib.abc.Loader):
    def __init__(self, finder: "_Finder") -> None:
        self.finder = finder

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        sys.meta_path.remove(self.finder)
        try:
            return importlib.import_module("torchvision")
        except RuntimeError as error:
            if "operator torchvision::" not in str(error):
                raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        _declare_operators()
        return importlib.import_module("torchvision")

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: `create_module` returned a module that is already executed."""


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != "torchvision":
            return None
        return importlib.machinery.ModuleSpec(fullname, _Loader(self))


def _declare_operators() -> None:
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in ("nms", "qnms"):
        library.define(operator + _SIGNATURE)
    _declared.append(library)


def install() -> None:
    """Watch for the first import of torchvision; does nothing if it is imported already."""
    if "torchvision" not in sys.modules and not any(isinstance(f, _Finder) for f in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
