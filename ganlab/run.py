"""A run that can be asked for samples: what `ganlab.train` returns and `ganlab.load` opens."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from torch import Tensor, nn

from ganlab import config
from ganlab.checkpoints import load_checkpoint
from ganlab.errors import CheckpointError
from ganlab.latent import Latent
from ganlab.networks.build import build_generator
from ganlab.runs import RunFolder
from ganlab.sampling import generate


class Run:
    """One run on disk.

    Attributes:
        folder: where it is.
        checkpoint: the checkpoint it speaks for, the newest one unless another was asked for.
    """

    def __init__(self, folder: RunFolder, checkpoint: Path | None = None) -> None:
        self.folder, self._checkpoint = folder, checkpoint

    @property
    def path(self) -> Path:
        return self.folder.path

    @property
    def checkpoint(self) -> Path:
        return self._checkpoint or self.folder.newest_checkpoint()

    @property
    def config(self) -> DictConfig:
        """The resolved configuration it was trained with."""
        return config.load(self.folder.config)

    @property
    def summary(self) -> dict[str, Any]:
        """State, final and best metrics with their protocol."""
        return self.folder.read_summary()

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl."""
        return list(self.folder.read_metrics())

    def generator(self) -> nn.Module:
        """The averaged generator, in evaluation mode on the CPU."""
        cfg = self.config
        state = load_checkpoint(self.checkpoint)["state_dict"]
        source = config.instantiate(cfg.data, "data")
        network = build_generator(cfg, source.shape)
        prefix = "generator_ema."
        weights = {name.removeprefix(prefix): w for name, w in state.items() if name.startswith(prefix)}
        try:
            network.to(next(iter(weights.values())).dtype).load_state_dict(weights)
        except (RuntimeError, StopIteration) as error:
            raise CheckpointError(
                f"the checkpoint {self.checkpoint} does not fit the generator in {self.folder.config}"
            ) from error
        return network.eval().requires_grad_(False)

    def sample(self, n: int, *, seed: int = 0, truncation: float | None = None) -> Tensor:
        """n samples of the averaged generator: (n, C, H, W) uint8 images, or (n, d) float32 points.

        Sample i is a function of (seed, i), whatever n is.

        Args:
            truncation: keep |z| below it, see `Latent.numbered`.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        cfg = self.config
        latent = Latent(cfg.network.latent_dim, cfg.network.latent)
        latents = latent.numbered(0, n, seed=seed, purpose="sample", truncation=truncation)
        return generate(self.generator(), latents)


def load(path: Path | str) -> Run:
    """Open a run by its folder or by one of its checkpoints; raises GanlabError if it is neither."""
    folder = RunFolder.open(path)
    return Run(folder, Path(path) if Path(path).is_file() and Path(path).suffix == ".ckpt" else None)
