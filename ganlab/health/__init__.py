"""A doctor for training: rules with names, read from the lines of metrics.jsonl alone, without torch.

So a resumed run is judged as one that was never stopped, every rank of a run judges alike, and a report can judge
a run that has ended.
"""

from ganlab.health.doctor import Doctor, Finding, in_words
from ganlab.health.history import Line, Thresholds
from ganlab.health.rules import RULES, Rule

__all__ = ["RULES", "Doctor", "Finding", "Line", "Rule", "Thresholds", "in_words"]
