"""A run that can be asked for samples and their measures: what `ganlab.train` returns and `ganlab.load` opens."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from ganlab import config
from ganlab.checkpoints import load_checkpoint
from ganlab.data import DataSource
from ganlab.errors import CheckpointError
from ganlab.evaluation import Evaluation, Result, Tick
from ganlab.evaluation.weights_files import file_sha256
from ganlab.latent import Latent
from ganlab.networks.build import build_discriminator, build_generator
from ganlab.places import cache_folder
from ganlab.runs import RunFolder
from ganlab.sampling import generate, measure_generator


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
    def images(self) -> int:
        """Real images that D had been shown at the checkpoint."""
        return int(load_checkpoint(self.checkpoint)["ganlab"]["clock"]["images"])

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

    def generator(self, *, averaged: bool = True) -> nn.Module:
        """The generator, in evaluation mode on the CPU: its moving average, or as the last step left it."""
        checkpoint, cfg = self.checkpoint, self.config
        source = config.instantiate(cfg.data, "data")
        return self._generator(checkpoint, load_checkpoint(checkpoint), cfg, source, averaged=averaged)

    def discriminator(self) -> nn.Module:
        """The discriminator as the last step left it, in evaluation mode on the CPU."""
        source = config.instantiate(self.config.data, "data")
        network = build_discriminator(self.config, source.shape)
        return self._filled(network, self.checkpoint, load_checkpoint(self.checkpoint), "discriminator")

    def _generator(
        self, path: Path, checkpoint: dict[str, Any], cfg: DictConfig, source: DataSource, *, averaged: bool
    ) -> nn.Module:
        part = "generator_ema" if averaged else "generator"
        return self._filled(build_generator(cfg, source.shape), path, checkpoint, part)

    def _filled(self, network: nn.Module, path: Path, checkpoint: dict[str, Any], part: str) -> nn.Module:
        """A network with the weights of one part of a checkpoint, frozen."""
        prefix, state = f"{part}.", checkpoint["state_dict"]
        weights = {name.removeprefix(prefix): w for name, w in state.items() if name.startswith(prefix)}
        try:
            network.to(next(iter(weights.values())).dtype).load_state_dict(weights)
        except (RuntimeError, StopIteration) as error:
            player = part.removesuffix("_ema")
            raise CheckpointError(
                f"the checkpoint {path} does not fit the {player} in {self.folder.config}"
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

    def evaluate(
        self, overrides: Sequence[str] = (), *, metrics: Sequence[str] | None = None,
        device: torch.device | str | None = None, averaged: bool = True, seeds: int | None = None,
        truncation: float | None = None, batch_norm: str = "running",
        config_dir: Sequence[Path | str] | None = None, tick: Tick | None = None,
    ) -> Result:  # fmt: skip
        """Measure the generator as `ganlab evaluate` does, by default as the run itself does while it trains.

        Args:
            overrides: ``evaluation=inception``, ``extractor=vgg16``, ``evaluation.n_fake=5000``,
                ``evaluation.weights=FILE``, and where the data lie now, ``data.root=PATH``.
            metrics: names of those to measure, ``fid`` for ``fid_digits`` will do; None: the standard ones.
            device: to generate and to measure on; None: a GPU if there is one.
            averaged: measure the moving average of the weights, not those of the last step.
            seeds: how many sampling seeds; metrics are then means, with their spread.  The one that chose the best
                checkpoint is not among them where that is measured.
            truncation: keep |z| below it, see `Latent.numbered`.
            batch_norm: statistics of the generator's BatchNorm, see `choose_statistics`.
            config_dir: folders with YAML of the user's own.

        Returns:
            The metrics; the evaluation's protocol with ``weights_averaged``, ``truncation``, ``batch_norm``,
            ``images`` seen in training, and ``checkpoint_sha256``.

        Raises:
            GanlabError: no checkpoint yet, an unknown metric, missing weights or data, or parts that do not fit.
        """
        cfg, source, evaluation = self.evaluation(overrides, config_dir)
        best = self.folder.best_checkpoint
        if seeds and self.checkpoint.resolve() == best.resolve() and evaluation.seed == self._choosing_seed:
            evaluation = evaluation.afresh(seed=evaluation.seed + 1, n_fake=None)
        return self.measure(
            evaluation, cfg, source, metrics=metrics, device=device, averaged=averaged, seeds=seeds,
            truncation=truncation, batch_norm=batch_norm, tick=tick,
        )  # fmt: skip

    @property
    def _choosing_seed(self) -> int | None:
        """Of the samples by which the best checkpoint was chosen."""
        return self.config.evaluation.get("seed")

    def measure(
        self, evaluation: Evaluation, cfg: DictConfig, source: DataSource, *, metrics: Sequence[str] | None = None,
        device: torch.device | str | None = None, averaged: bool = True, seeds: int | None = None,
        truncation: float | None = None, batch_norm: str = "running", tick: Tick | None = None,
    ) -> Result:  # fmt: skip
        """`evaluate` by an evaluation that there is already, of the run's data and configuration."""
        path = self.checkpoint
        checkpoint, sha256 = load_checkpoint(path), file_sha256(path)  # while it trains, old ones go
        generator = self._generator(path, checkpoint, cfg, source, averaged=averaged)
        result = measure_generator(
            evaluation, generator, Latent(cfg.network.latent_dim, cfg.network.latent), metrics=metrics,
            device=device, seeds=seeds, truncation=truncation, batch_norm=batch_norm, tick=tick,
        )  # fmt: skip
        of_checkpoint = {
            "weights_averaged": averaged,
            "images": checkpoint["ganlab"]["clock"]["images"],
            "checkpoint_sha256": sha256,
        }
        return replace(result, protocol={**result.protocol, **of_checkpoint})

    def evaluation(
        self, overrides: Sequence[str] = (), config_dir: Sequence[Path | str] | None = None
    ) -> tuple[DictConfig, DataSource, Evaluation]:
        """What the run would be measured by: its configuration with these overrides, its data, the evaluation."""
        cfg = config.with_evaluation(self.config, overrides, config_dir)
        source = config.instantiate(cfg.data, "data")
        return (
            cfg,
            source,
            config.instantiate(cfg.evaluation, "evaluation", data=source, cache=cache_folder()),
        )


def load(path: Path | str) -> Run:
    """Open a run by its folder or by one of its checkpoints; raises GanlabError if it is neither."""
    folder = RunFolder.open(path)
    return Run(folder, Path(path) if Path(path).is_file() and Path(path).suffix == ".ckpt" else None)
