"""The Dirac-GAN: every objective as a vector field in the plane (Mescheder et al. 2018, arXiv:1801.04406).

The data are a point mass at 0, the generator a point mass at theta, D(x) = psi x (section 2).  Both players
have one number; the equilibrium is theta = psi = 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlab.objectives import Match, Objective, Scores
from ganlab.penalties import Penalty
from ganlab.randomness import Draws

ORDERS = ("simultaneous", "d_first", "g_first")


@dataclass(frozen=True)
class DiracGAN:
    """The game of two numbers under an objective; states are (N, 2) tensors of rows (theta, psi).

    Attributes:
        objective: of a scalar critic.
        penalties: D's.
    """

    objective: Objective
    penalties: Sequence[Penalty] = ()

    def __post_init__(self) -> None:
        if self.objective.critic != "scalar":
            name = type(self.objective).__name__
            raise ValueError(f"the Dirac-GAN's D(x) = psi x is a scalar critic, {name} needs an autoencoder")

    def field(self, states: Tensor) -> Tensor:
        """Where gradient descent of both players moves at (N, 2) states: (N, 2), (-dL_G/dtheta, -dL_D/dpsi).

        Differentiable if the states are.
        """
        if self.objective.couples_batch:  # the rows of one call are samples of one batch
            return torch.cat([self._field(states[i : i + 1]) for i in range(len(states))])
        return self._field(states)

    def _field(self, states: Tensor) -> Tensor:
        keep_graph = states.requires_grad
        states = states if keep_graph else states.detach().requires_grad_()
        theta, psi = states[:, :1], states[:, 1:]
        (of_theta,) = torch.autograd.grad(self._g_loss(theta, psi), theta, create_graph=keep_graph)
        (of_psi,) = torch.autograd.grad(self._d_loss(theta, psi), psi, create_graph=keep_graph)
        return -len(states) * torch.cat([of_theta, of_psi], dim=1)  # the losses are means over the rows

    def _d_loss(self, theta: Tensor, psi: Tensor) -> Tensor:
        def critic(x: Tensor) -> Scores:
            return Scores((psi * x).squeeze(1))

        x_real, x_fake = torch.zeros_like(theta), theta
        match = Match(x_real, x_fake, critic(x_real), critic(x_fake))
        draws = Draws("dirac", generator=torch.Generator())
        return self.objective.d_loss(match) + sum(penalty(critic, match, draws) for penalty in self.penalties)

    def _g_loss(self, theta: Tensor, psi: Tensor) -> Tensor:
        x_real = torch.zeros_like(theta)
        real, fake = Scores((psi * x_real).squeeze(1)), Scores((psi * theta).squeeze(1))
        return self.objective.g_loss(Match(x_real, theta, real if self.objective.paired else None, fake))

    def jacobian(self, state: Tensor) -> Tensor:
        """Derivatives of the field at one state (2,): (2, 2), one row for each player.

        Its eigenvalues at the equilibrium decide over local convergence: all real parts must be negative.
        """
        state = state.detach().requires_grad_()
        field = self.field(state[None])[0]
        return torch.stack([torch.autograd.grad(row, state, retain_graph=True)[0] for row in field])

    def flow(self, states: Tensor, *, duration: float, steps: int) -> Tensor:
        """Follow the field from (N, 2) states in continuous time: (steps + 1, N, 2), by Runge-Kutta."""
        h = duration / steps
        path = [states]
        for _ in range(steps):
            k1 = self.field(states)
            k2 = self.field(states + h / 2 * k1)
            k3 = self.field(states + h / 2 * k2)
            k4 = self.field(states + h * k3)
            states = states + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            path.append(states)
        return torch.stack(path)

    def play(self, states: Tensor, *, lr: float, steps: int, order: str = "d_first") -> Tensor:
        """Take gradient steps from (N, 2) states in an order of play: (steps + 1, N, 2).

        Args:
            order: ``simultaneous``, or who moves first; the second sees where the first has gone.
        """
        if order not in ORDERS:
            raise ValueError(f"order must be one of {', '.join(ORDERS)}, got {order}")
        generator, discriminator = torch.tensor([1.0, 0.0]).to(states), torch.tensor([0.0, 1.0]).to(states)
        moves = {
            "simultaneous": [generator + discriminator],
            "d_first": [discriminator, generator],
            "g_first": [generator, discriminator],
        }[order]
        path = [states]
        for _ in range(steps):
            for players in moves:
                states = states + lr * players * self.field(states)
            path.append(states)
        return torch.stack(path)
