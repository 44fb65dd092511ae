"""ganlab: train, compare and report GANs with PyTorch Lightning.

cfg = ganlab.compose(["experiment=digits", "objective=wgan_gp"])
run = ganlab.train(cfg)
ganlab.load("runs/NAME").sample(64, seed=1)
run.evaluate(["evaluation=inception"]).metrics["fid"]
ganlab.evaluate_folders("samples", "reference").metrics["fid"]
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ganlab import _torchvision

_torchvision.install()  # before anything imports lightning, torchmetrics or torch_fidelity

if TYPE_CHECKING:
    from ganlab.config import compose
    from ganlab.evaluation import evaluate_folders
    from ganlab.generators import evaluate_generator
    from ganlab.run import Run, load
    from ganlab.training import train

__all__ = ["Run", "compose", "evaluate_folders", "evaluate_generator", "load", "train"]

_HOME = {
    "Run": "ganlab.run",
    "compose": "ganlab.config",
    "evaluate_folders": "ganlab.evaluation",
    "evaluate_generator": "ganlab.generators",
    "load": "ganlab.run",
    "train": "ganlab.training",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: ``import ganlab`` takes no time and imports no torch."""
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'ganlab' has no attribute {name!r}")
