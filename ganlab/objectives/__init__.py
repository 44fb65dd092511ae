"""Adversarial objectives: what the two players of a GAN minimise."""

from ganlab.objectives.base import Match, Objective, Scores
from ganlab.objectives.began import BEGAN
from ganlab.objectives.ebgan import EBGAN
from ganlab.objectives.f_gan import (
    JensenShannon,
    KullbackLeibler,
    PearsonChiSquared,
    ReverseKullbackLeibler,
    SquaredHellinger,
)
from ganlab.objectives.hinge import Hinge
from ganlab.objectives.least_squares import LeastSquares
from ganlab.objectives.loss_sensitive import LossSensitive
from ganlab.objectives.minimax import Minimax, NonSaturating
from ganlab.objectives.relativistic import RelativisticAverage, RelativisticPaired
from ganlab.objectives.wasserstein import Wasserstein

__all__ = [
    "BEGAN",
    "EBGAN",
    "Hinge",
    "JensenShannon",
    "KullbackLeibler",
    "LeastSquares",
    "LossSensitive",
    "Match",
    "Minimax",
    "NonSaturating",
    "Objective",
    "PearsonChiSquared",
    "RelativisticAverage",
    "RelativisticPaired",
    "ReverseKullbackLeibler",
    "Scores",
    "SquaredHellinger",
    "Wasserstein",
]
