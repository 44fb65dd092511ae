"""Every draw is a function of (seed, iteration, global sample position).

A run does not own a stream of random numbers that moves on; it can be asked for the numbers of any
iteration.  So a resumed run continues bit for bit, a rank draws its own slice of what one process would
have drawn for the whole batch, and no two ranks ever see the same latent.
"""

import hashlib

import torch
from torch import Tensor


def fold(*words: int | str) -> int:
    """Hash words to a seed in [0, 2**63): the same everywhere, unrelated for neighbouring words."""
    digest = hashlib.blake2b(repr(words).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def global_generator(device: torch.device) -> torch.Generator:
    """The generator that modules draw from on a device; torch.manual_seed would visit every kind of device."""
    if device.type == "cuda":
        return torch.cuda.default_generators[device.index]
    return torch.default_generator


class Draws:
    """The random numbers of one phase of one iteration, for this rank's slice of the global batch.

    Each call draws for the whole global batch, ``world_size * n`` samples, and returns this rank's rows:
    N ranks draw together exactly what one process with N times the batch draws.

    Args:
        words: what the numbers are a function of, for example ``(seed, iteration, "D", 0)``.
        rank: this process; it gets rows ``rank * n`` to ``(rank + 1) * n``.
        generator: where the numbers are made; it is reseeded here, which costs no synchronisation.
    """

    def __init__(
        self, *words: int | str, generator: torch.Generator, rank: int = 0, world_size: int = 1
    ) -> None:
        self.rank, self.world_size, self.generator = rank, world_size, generator
        generator.manual_seed(fold(*words))

    def _slice(self, draws: Tensor, n: int) -> Tensor:
        return draws[self.rank * n : (self.rank + 1) * n]

    def normal(self, n: int, *shape: int, dtype: torch.dtype | None = None) -> Tensor:
        """Standard normal draws, shape (n, *shape)."""
        return self._slice(torch.randn(self._global(n, shape), dtype=dtype, **self._where), n)

    def uniform(self, n: int, *shape: int, dtype: torch.dtype | None = None) -> Tensor:
        """Draws from U[0, 1), shape (n, *shape)."""
        return self._slice(torch.rand(self._global(n, shape), dtype=dtype, **self._where), n)

    def _global(self, n: int, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (self.world_size * n, *shape)

    @property
    def _where(self) -> dict:
        return {"generator": self.generator, "device": self.generator.device}
