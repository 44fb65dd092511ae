"""What happens around the training step: logging, evaluating, drawing, saving, showing."""

from ganlab.callbacks.checkpoints import Checkpoints
from ganlab.callbacks.diagnostics import Diagnostics
from ganlab.callbacks.evaluation import Evaluate
from ganlab.callbacks.gradients import Gradients
from ganlab.callbacks.health import Health
from ganlab.callbacks.listen import Listen
from ganlab.callbacks.metrics import MetricsLog
from ganlab.callbacks.progress import Progress
from ganlab.callbacks.samples import SampleGrids
from ganlab.callbacks.truth import Truth

__all__ = [
    "Checkpoints",
    "Diagnostics",
    "Evaluate",
    "Gradients",
    "Health",
    "Listen",
    "MetricsLog",
    "Progress",
    "SampleGrids",
    "Truth",
]
