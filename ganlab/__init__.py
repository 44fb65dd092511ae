from ganlab import _torchvision
_torchvision.install()
