"""Means over the steps between two log lines, without touching the host in between."""

import torch
from torch import Tensor

from ganlab.ranks import Ranks


class RunningMeans:
    """Collects scalars of every step as they are, on the device; fetches their means in one transfer."""

    def __init__(self) -> None:
        self._values: dict[str, list[Tensor]] = {}

    def update(self, scalars: dict[str, Tensor]) -> None:
        """Add one step's scalars; keys may differ from step to step."""
        for name, value in scalars.items():
            self._values.setdefault(name, []).append(value.detach())

    def peek(self, ranks: Ranks) -> dict[str, float]:
        """Means by name of what all ranks have collected, which all ask for it; waits for the device."""
        if not self._values:
            return {}
        means = torch.stack([torch.stack(values).double().mean() for values in self._values.values()])
        ranks.average_([means])
        return dict(zip(self._values, means.tolist(), strict=True))

    def pop(self, ranks: Ranks) -> dict[str, float]:
        """`peek`, then start collecting anew."""
        means = self.peek(ranks)
        self._values = {}
        return means

    def to(self, device: torch.device | str) -> None:
        """Move what is collected to a device."""
        self._values = {name: [v.to(device) for v in values] for name, values in self._values.items()}

    def state_dict(self, ranks: Ranks) -> dict[str, Tensor]:
        """What every rank has collected, (ranks, steps) by name; all ranks ask for it."""
        return {name: ranks.gather_rows(torch.stack(values)) for name, values in self._values.items()}

    def load_state_dict(self, state: dict[str, Tensor], ranks: Ranks) -> None:
        """Take up this rank's row; the mean of all of them, if there were more or fewer ranks."""
        rank, size = ranks.rank, ranks.size
        self._values = {
            name: list(rows[rank] if len(rows) == size else rows.mean(0)) for name, rows in state.items()
        }
