"""ganlab: train, compare and report GANs with PyTorch Lightning."""

from ganlab import _torchvision

_torchvision.install()  # before anything imports lightning, torchmetrics or torch_fidelity
