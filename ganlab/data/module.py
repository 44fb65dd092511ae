"""The training data of a run, from where the run stands."""

from typing import Any

import lightning as L

from ganlab.data.loader import DeviceLoader, Loader
from ganlab.data.source import DataSource
from ganlab.data.streaming import StreamingLoader, fits
from ganlab.game import Game


class TrainingData(L.LightningDataModule):
    """Feeds a `GAN` its real samples through its objective's first phase and until the budget is spent.

    Args:
        source: the data set; its first split is trained on.
        batch_size: samples (packs, if D judges packs) in a micro-batch on each rank.
        game: decides how many micro-batches an iteration takes.
        budget: real images to show D, over all ranks.
        seed: decides the order.
    """

    def __init__(self, source: DataSource, *, batch_size: int, game: Game, budget: int, seed: int) -> None:
        super().__init__()
        self.source, self.batch_size, self.game, self.budget, self.seed = (
            source,
            batch_size,
            game,
            budget,
            seed,
        )

    def prepare_data(self) -> None:
        """Lightning calls this in one process of each node, and lets the others wait."""
        self.source.prefetch()

    def train_dataloader(self) -> Loader:
        assert self.trainer is not None
        module: Any = self.trainer.lightning_module  # its clock is restored by now
        samples = self.batch_size * self.game.packing
        before_the_game = max(0, module.objective.pretrain_images - module.clock.pretrained)
        shown = samples * self.trainer.world_size * self.game.d_micro_batches
        data, device = self.source.split(self.source.splits[0]), self.trainer.strategy.root_device
        loader = DeviceLoader if fits(data, device) else StreamingLoader
        return loader(
            data,
            batch_size=samples,
            micro_batches=self.game.micro_batches,
            seed=self.seed,
            position=module.clock.position,
            steps=-(-before_the_game // shown) + -(-(self.budget - module.clock.images) // shown),
            device=device,
            rank=self.trainer.global_rank,
            world_size=self.trainer.world_size,
            flip=self.source.flip,
        )
