"""Mixed precision with one gradient scaler per player."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from lightning.pytorch.plugins import MixedPrecision
from torch import Tensor


class PlayerMixedPrecision(MixedPrecision):
    """Autocast in bfloat16 or float16; in float16 every optimizer has a scaler of its own.

    Lightning's plugin shares one scaler between all optimizers and moves it at every optimizer step, so that
    an overflow in D halves G's scale, and a D step between G's micro-batches rescales G's gradients.
    """

    def __init__(self, precision: Literal["16-mixed", "bf16-mixed"], device: str) -> None:
        super().__init__(precision, device)
        self.scaler = None  # the shared one; every use of it is overridden below
        self.scalers = [torch.amp.GradScaler(device) for _ in range(2)] if precision == "16-mixed" else []

    def pre_backward(self, tensor: Tensor, module: Any) -> Tensor:
        if self.scalers:
            tensor = self.scalers[module.playing].scale(tensor)
        return super().pre_backward(tensor, module)

    def optimizer_step(  # type: ignore[override]
        self, optimizer: Any, model: Any, closure: Callable[[], Any], **kwargs: Any
    ) -> Any:
        if not self.scalers:
            return super().optimizer_step(optimizer, model=model, closure=closure, **kwargs)
        closure()
        scaler = self.scalers[model.trainer.optimizers.index(optimizer)]
        scaler.unscale_(optimizer)
        self._after_closure(model, optimizer)
        result = scaler.step(optimizer, **kwargs)
        scaler.update()
        return result

    def state_dict(self) -> dict[str, Any]:
        return {"scalers": [scaler.state_dict() for scaler in self.scalers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for scaler, state in zip(self.scalers, state_dict["scalers"], strict=True):
            scaler.load_state_dict(state)
