"""Train the classifier of digits: ``python -m ganlab.evaluation.train_classifier [OUT.pt]``.

It learns from the held-out half, which no GAN is trained on, with a fixed seed; the file in
``ganlab/evaluation/weights`` was made by this script.  A run on another processor gives the same accuracy,
not the same bits: what makes numbers comparable is the file and its hash.
"""

import hashlib
import math
import sys
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, cross_entropy, grid_sample

from ganlab.data import Digits, TensorSet
from ganlab.evaluation.classifier import DigitClassifier

EPOCHS, BATCH = 120, 128


def train(data: TensorSet, *, seed: int = 0, epochs: int = EPOCHS) -> DigitClassifier:
    """A classifier of `data` (uint8 images with labels), in eval mode; leaves the global RNG where it was."""
    assert data.y is not None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = DigitClassifier()
        steps = epochs * math.ceil(len(data) / BATCH)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=5e-3, total_steps=steps)
        x = data.x.float()
        for _ in range(epochs):
            for chosen in torch.split(torch.randperm(len(data)), BATCH):
                _, logits = model(augment(x[chosen]))
                optimizer.zero_grad()
                torch.autograd.backward(cross_entropy(logits, data.y[chosen]))
                optimizer.step()
                schedule.step()
    return model.eval()


def augment(x: Tensor) -> Tensor:
    """A small random rotation, scale, shear and shift of every image (N, 1, H, W) in 0..255, and noise."""
    n = len(x)
    angle = torch.empty(n).uniform_(-0.2, 0.2)  # radians
    scale = torch.empty(n, 2).uniform_(0.9, 1.15)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = angle.cos() * scale[:, 0]
    theta[:, 0, 1] = -angle.sin() + torch.empty(n).uniform_(-0.15, 0.15)
    theta[:, 1, 0] = angle.sin()
    theta[:, 1, 1] = angle.cos() * scale[:, 1]
    theta[:, :, 2] = torch.empty(n, 2).uniform_(-0.1, 0.1)  # halves of the image's side
    x = grid_sample(x, affine_grid(theta, list(x.shape), align_corners=False), align_corners=False)
    return (x + torch.empty(n, 1, 1, 1).uniform_(0, 15) * torch.randn_like(x)).clamp(0, 255)


def accuracy(model: DigitClassifier, data: TensorSet) -> float:
    """Share of `data` that is classified as labelled, in [0, 1]."""
    assert data.y is not None
    with torch.no_grad():
        return (model(data.x)[1].argmax(1) == data.y).double().mean().item()


def main() -> None:
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "weights" / "digits.pt"
    digits = Digits(resolution=16)
    model = train(digits.split("held_out"))
    torch.save(model.state_dict(), out)
    print(f"{out}: sha256 {hashlib.sha256(out.read_bytes()).hexdigest()}")
    print(f"accuracy {accuracy(model, digits.split('train')):.4f} on the half it has not seen")


if __name__ == "__main__":
    main()
