"""Latents: what the generator is fed."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ganlab.randomness import Draws, fold

_BLOCK = 256  # latents of one seed; fixed, so that latent number i is the same in every batch size


@dataclass(frozen=True)
class Latent:
    """z ~ N(0, I) or U(-1, 1), of size dim."""

    dim: int
    distribution: Literal["normal", "uniform"] = "normal"

    def draw(self, n: int, draws: Draws, dtype: torch.dtype | None = None) -> Tensor:
        """n latents of a training step, shape (n, dim)."""
        if self.distribution == "normal":
            return draws.normal(n, self.dim, dtype=dtype)
        return draws.uniform(n, self.dim, dtype=dtype) * 2 - 1

    def numbered(
        self, start: int, n: int, *, seed: int, purpose: str, truncation: float | None = None
    ) -> Tensor:
        """Latents number start to start + n - 1 of a purpose ("evaluation", "grid", ...), (n, dim) float32 on the CPU.

        Args:
            truncation: keep |z| below it: normal latents from N(0, 1) conditioned on it (the truncation trick,
                Brock et al. 2019), uniform ones scaled by it.
        """
        if truncation is not None and truncation <= 0:
            raise ValueError(f"truncation must be positive, got {truncation}")
        first, last = start // _BLOCK, (start + n - 1) // _BLOCK
        blocks = [self._block(seed, purpose, block, truncation) for block in range(first, last + 1)]
        return torch.cat(blocks)[start - first * _BLOCK :][:n]

    def _block(self, seed: int, purpose: str, block: int, truncation: float | None) -> Tensor:
        generator = torch.Generator().manual_seed(fold(seed, purpose, block))
        if self.distribution == "uniform":
            return (torch.rand(_BLOCK, self.dim, generator=generator) * 2 - 1) * (truncation or 1.0)
        if truncation is None:
            return torch.randn(_BLOCK, self.dim, generator=generator)
        u = torch.rand(_BLOCK, self.dim, generator=generator, dtype=torch.float64) * 2 - 1
        inside = torch.erf(torch.tensor(truncation / 2**0.5, dtype=torch.float64))
        return (2**0.5 * torch.erfinv(u * inside)).float()
