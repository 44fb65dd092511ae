"""Adversarial objectives: what the two players of a GAN minimise."""

from ganlab.objectives.base import Match, Objective, Ranks, Scores
from ganlab.objectives.hinge import Hinge
from ganlab.objectives.least_squares import LeastSquares
from ganlab.objectives.minimax import Minimax, NonSaturating
from ganlab.objectives.wasserstein import Wasserstein

__all__ = [
    "Hinge",
    "LeastSquares",
    "Match",
    "Minimax",
    "NonSaturating",
    "Objective",
    "Ranks",
    "Scores",
    "Wasserstein",
]
