"""Mixed precision with one gradient scaler per player."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from lightning.pytorch.plugins import MixedPrecision
from torch import Tensor
from torch.optim import Optimizer


class PlayerMixedPrecision(MixedPrecision):
    """Autocast in bfloat16 or float16; in float16 every optimizer has a scaler of its own.

    Lightning's plugin shares one scaler between all optimizers and moves it at every optimizer step, so that
    an overflow in D halves G's scale, and a D step between G's micro-batches rescales G's gradients.  A step
    whose gradients overflow is left out without asking the device; `GAN.skipped` tells of it.
    """

    def __init__(self, precision: Literal["16-mixed", "bf16-mixed"], device: str) -> None:
        super().__init__(precision, device)
        self.scaler = None  # the shared one; every use of it is overridden below
        self.scalers = [MaskingGradScaler(device) for _ in range(2)] if precision == "16-mixed" else []

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
        player = model.trainer.optimizers.index(optimizer)
        scaler = self.scalers[player]
        scaler.unscale_(optimizer)
        self._after_closure(model, optimizer)
        model.skipped[player] = scaler.overflow(optimizer)
        result = scaler.step(optimizer, **kwargs)
        scaler.update()
        return result

    def state_dict(self) -> dict[str, Any]:
        return {"scalers": [scaler.state_dict() for scaler in self.scalers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for scaler, state in zip(self.scalers, state_dict["scalers"], strict=True):
            scaler.load_state_dict(state)


class MaskingGradScaler(torch.amp.GradScaler):
    """A GradScaler that never waits for the device to learn whether a step is to be left out.

    Fused optimizers do that by themselves.  Any other makes its step, and what it changed is put back where
    gradients overflowed; only counters that it keeps on the host move on.
    """

    def overflow(self, optimizer: Optimizer) -> Tensor:
        """1.0 if an unscaled gradient is not finite, else 0.0; a scalar on the device."""
        return torch.stack(list(self._found_inf_per_device(optimizer).values())).amax()

    @torch.no_grad()
    def _maybe_opt_step(
        self, optimizer: Optimizer, optimizer_state: dict[str, Any], *args: Any, **kwargs: Any
    ) -> float | None:
        skip = self.overflow(optimizer).bool()
        before = {id(tensor): tensor.clone() for tensor in _changed_by(optimizer, skip.device)}
        result = optimizer.step(*args, **kwargs)
        for tensor in _changed_by(optimizer, skip.device):
            start = before.get(id(tensor), torch.zeros((), dtype=tensor.dtype, device=skip.device))
            tensor.copy_(torch.where(skip, start, tensor))
        return result


def _changed_by(optimizer: Optimizer, device: torch.device) -> list[Tensor]:
    """An optimizer's parameters and its state of them, on the device."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state = [value for parameter in parameters for value in optimizer.state.get(parameter, {}).values()]
    return [t for t in [*parameters, *state] if isinstance(t, Tensor) and t.device == device]
