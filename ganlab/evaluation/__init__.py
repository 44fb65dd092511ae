"""Measuring samples: functions that make them go in, numbers with their protocol come out."""

from ganlab.evaluation.folders import evaluate_folders
from ganlab.evaluation.images import ImageEvaluation
from ganlab.evaluation.mixtures import MixtureEvaluation
from ganlab.evaluation.quality_gate import GateResult, gate
from ganlab.evaluation.result import Evaluation, NoEvaluation, Result, Sampler, Tick, measure, usable_device

__all__ = [
    "Evaluation",
    "GateResult",
    "ImageEvaluation",
    "MixtureEvaluation",
    "NoEvaluation",
    "Result",
    "Sampler",
    "Tick",
    "evaluate_folders",
    "gate",
    "measure",
    "usable_device",
]
