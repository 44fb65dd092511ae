"""The gate a GAN on the digits must pass before its pictures are called good.

Its limits were fixed on real data and negative controls, before any GAN was measured.  The distance between
the two halves of the real data, train and held out, is 2.67 at 16 pixels (901 and 896 images; 2.5 to 2.7 at 8
to 64 pixels).  The split alternates within every class, which makes it small: random halves are 6.3 +- 1.5
apart.  That the classifier learned from the held-out half makes no difference: random halves (450 images) of
what it has not seen are 12.6 apart, of what it has seen 12.8, and 450 of one from 450 of the other 9.2.

=========================================== =========== ============
900 images at 16 pixels                     fid_digits  over halves
=========================================== =========== ============
mean of two digits of a class               22          8
held-out digits shifted by one pixel        34          13
held-out digits, blurred 3x3                68          25
class means + deviation of the class        82          31
class means + white noise (35, the nearest) 91          34
one training image per class                172         64
smooth noise                                272         102
pixel-wise Gaussian                         460         172
=========================================== =========== ============

So K = 10: a third of the nearest of the controls that draw no digits, and four times what chance does to real
images.  Memorisation is gated as well, since copies of the training set have distance 0; above a half, most
samples are closer to a training image than fresh ones would be.  Coverage and density are only reported.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ganlab.errors import EvaluationError

K = 10.0
HALVES_DISTANCE = 2.67  # fid_digits of Digits(resolution=16), held_out against train
MIN_CLASS_SHARE = 0.03  # among samples classified with probability >= 0.9; 0.1 expected
MAX_MEMORISATION = 0.5


@dataclass(frozen=True)
class GateResult:
    """Whether the gate was passed, and a sentence for every limit that was missed."""

    passed: bool
    reasons: tuple[str, ...]


def gate(metrics: Mapping[str, float]) -> GateResult:
    """Hold the metrics of an `ImageEvaluation` on digits against the limits; NaN fails them.

    Raises EvaluationError if the metrics are not those of the digits' own classifier.
    """
    needed = ("fid_digits", "min_class_share", "memorisation")
    if missing := [name for name in needed if name not in metrics]:
        raise EvaluationError(
            f"the quality gate judges digits by their own classifier; {', '.join(missing)} not given"
        )
    distance, share, memorised = (metrics[name] for name in needed)
    limit = K * HALVES_DISTANCE
    checks = {
        f"fid_digits is {distance:.1f}, above {limit:.1f} ({K:g} times the distance of two real halves)":
            distance <= limit,
        f"the rarest class has {share:.1%} of the confident samples, below {MIN_CLASS_SHARE:.0%}":
            share >= MIN_CLASS_SHARE,
        f"memorisation is {memorised:.2f}, above {MAX_MEMORISATION:g}: samples sit on training images":
            memorised <= MAX_MEMORISATION,
    }  # fmt: skip
    reasons = tuple(reason for reason, held in checks.items() if not held)
    return GateResult(not reasons, reasons)
