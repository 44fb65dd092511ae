"""Means over the steps between two log lines, without touching the host in between."""

import torch
from torch import Tensor


class RunningMeans:
    """Collects scalars of every step as they are, on the device; fetches their means in one transfer."""

    def __init__(self) -> None:
        self._values: dict[str, list[Tensor]] = {}

    def update(self, scalars: dict[str, Tensor]) -> None:
        """Add one step's scalars; keys may differ from step to step."""
        for name, value in scalars.items():
            self._values.setdefault(name, []).append(value.detach())

    def peek(self) -> dict[str, float]:
        """Means by name of what is collected; waits for the device."""
        if not self._values:
            return {}
        means = torch.stack([torch.stack(values).double().mean() for values in self._values.values()])
        return dict(zip(self._values, means.tolist(), strict=True))

    def pop(self) -> dict[str, float]:
        """`peek`, then start collecting anew."""
        means = self.peek()
        self._values = {}
        return means

    def to(self, device: torch.device | str) -> None:
        """Move what is collected to a device."""
        self._values = {name: [v.to(device) for v in values] for name, values in self._values.items()}

    def state_dict(self) -> dict[str, Tensor]:
        return {name: torch.stack(values) for name, values in self._values.items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self._values = {name: list(values) for name, values in state.items()}
