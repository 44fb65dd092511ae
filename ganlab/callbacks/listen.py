"""Whose signals they are while a run trains."""

from typing import Any

import lightning as L

from ganlab.interruption import Interruption


class Listen(L.Callback):
    """Takes SIGTERM back from Lightning, which would end a run without saving it; comes before all that takes time."""

    def __init__(self, interruption: Interruption) -> None:
        self.interruption = interruption

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        self.interruption.listen()
