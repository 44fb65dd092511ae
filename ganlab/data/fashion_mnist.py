"""Fashion-MNIST: 70,000 grey pictures of clothes of 28x28 pixels, 10 classes."""

from pathlib import Path

from ganlab.data.mnist import IdxImages


class FashionMnist(IdxImages):
    """Clothes in MNIST's format: ``train`` (60,000), ``held_out`` (the 10,000 of the official test set).

    Args:
        root: folder with the files as torchvision leaves them (``FashionMNIST/raw``) or plainly, gzipped or
            not; else those of Debian's package dataset-fashion-mnist are taken if it is installed, or they
            are downloaded; None for ``data`` in ganlab's cache folder.
        resolution: side in pixels, >= 28; larger sizes are reached bilinearly.
        flip: show every image mirrored half of the time; evaluations see none mirrored.

    Source: H. Xiao, K. Rasul and R. Vollgraf, arXiv:1708.07747 (2017).
    """

    name, title = "fashion_mnist", "Fashion-MNIST"
    classes = (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    )  # fmt: skip
    folders = ("FashionMNIST/raw", "fashion-mnist", "fashion_mnist", "FashionMNIST", "raw", "")
    elsewhere = (Path("/usr/share/datasets/fashion-mnist"),)  # where Debian's package puts them
    urls = (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    )
    published = (
        (26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        (29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        (4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        (5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    )

    def __init__(self, *, root: str | None = None, resolution: int = 28, flip: bool = False) -> None:
        super().__init__(root=root, resolution=resolution, flip=flip)
