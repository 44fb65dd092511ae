"""From features and logits to numbers, through torch-fidelity's own functions where it has one."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, KEY_METRIC_ISC_STD, isc_features_to_metric
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, KEY_METRIC_KID_STD, kid_features_to_metric
from torch_fidelity.metric_prc import KEY_METRIC_PRECISION, KEY_METRIC_RECALL, prc_features_to_metric

from ganlab.errors import EvaluationError
from ganlab.evaluation.features import Extracted
from ganlab.evaluation.frechet import distance_of_the_truth, frechet_distance
from ganlab.evaluation.neighbours import NEIGHBOURS, density_and_coverage, memorisation, nearest
from ganlab.evaluation.reference import NEIGHBOURS_AMONG, Depth, Reference
from ganlab.evaluation.result import JSON, library_versions

CONFIDENT = 0.9  # probability from which on a classification counts
KID_SUBSETS = 100  # these three are torch-fidelity's defaults
_KID_SUBSET = 1000
PRECISION_NEIGHBOURS = 3
_PAIRS = 8  # closest fakes and training images that are pointed out
_log = logging.getLogger(__name__)
_Numbers = tuple[dict[str, float], dict[str, JSON]]


@dataclass(frozen=True)
class Wanted:
    """Short names of the metrics to work out, and what they must see."""

    names: set[str]

    @property
    def depth(self) -> Depth:
        if self.names & {"kid", "kid_std", "precision", "recall", "memorisation"}:
            return "all"
        return "near" if self.names & {"density", "coverage"} else "moments"

    @property
    def logits(self) -> bool:
        return bool(self.names & {"is", "is_std", "certain_share", "min_class_share", "class_distance"})

    def kept(self, n: int) -> Tensor:
        """Whose features of n fakes are kept, (n,) bool."""
        return torch.arange(n) < {"all": n, "near": NEIGHBOURS_AMONG, "moments": 0}[self.depth]


def splits(n: int) -> int:
    """Of the inception score: torch-fidelity's default, but none may be empty."""
    return min(10, n)


def kid_subset_size(n_fake: int, n_real: int | None) -> int:
    """torch-fidelity's default, or as many images as there are."""
    return min(_KID_SUBSET, n_fake, n_real or n_fake)


def definitions(n_fake: int, n_real: int | None) -> dict[str, JSON]:
    """What a protocol says of how the metrics are defined, and by which libraries."""
    return {
        "inception_score_splits": splits(n_fake),
        "kid_subsets": KID_SUBSETS,
        "kid_subset_size": kid_subset_size(n_fake, n_real),
        "precision_neighbours": PRECISION_NEIGHBOURS,
        "neighbours": NEIGHBOURS,
        "neighbours_among": NEIGHBOURS_AMONG,
        **library_versions("ganlab", "torch", "torch-fidelity", "torchvision"),
    }


def warn_of_bias(n_fake: int, reference: Reference) -> bool:
    """Warn where there are fewer fakes or real images than features, and say how much of FID is that.

    Returns whether it did.
    """
    dimensions, n_real = len(reference.moments.mean), reference.moments.n
    if min(n_fake, n_real or n_fake) > dimensions:
        return False
    truth = distance_of_the_truth(reference.moments, reference.root, n=n_fake)
    _log.warning(
        "%d fakes and %s real images in %d dimensions: FID is biased upwards, a perfect generator would get about %.3g",
        n_fake, n_real or "some", dimensions, truth,
    )  # fmt: skip
    return True


def measures(
    fakes: Extracted, reference: Reference, wanted: Wanted, *, labels: Tensor | None,
    classes: Sequence[str] | None,
) -> _Numbers:  # fmt: skip
    """The numbers by short name, and details that are more than numbers.

    Args:
        labels: (n_real,) classes of the real images, for those of the fakes to be held against.
        classes: their names.
    """
    numbers: dict[str, float] = {}
    details: dict[str, JSON] = {}
    groups: list[tuple[set[str], Callable[[], _Numbers]]] = [
        ({"fid"}, lambda: ({"fid": _distance(fakes, reference)}, {})),
        ({"is", "is_std"}, lambda: (_inception_score(fakes), {})),
        ({"certain_share", "min_class_share"}, lambda: (class_shares(_logits(fakes)), {})),
        ({"class_distance"}, lambda: _classes(fakes, labels, classes or ())),
        ({"kid", "kid_std"}, lambda: (_kid(fakes, reference), {})),
        ({"precision", "recall"}, lambda: (_precision_recall(fakes, reference), {})),
        ({"density", "coverage"}, lambda: (_density_coverage(fakes, reference), {})),
        ({"memorisation"}, lambda: _memorisation(fakes, reference)),
    ]
    for names, work in groups:
        if names & wanted.names:
            found, more = work()
            numbers |= {name: value for name, value in found.items() if name in wanted.names}
            details |= more
    return numbers, details


def _distance(fakes: Extracted, reference: Reference) -> float:
    ours, theirs = len(fakes.moments.mean), len(reference.moments.mean)
    if ours != theirs:
        raise EvaluationError(f"the extractor has {ours} features, the reference statistics are of {theirs}")
    return frechet_distance(reference.moments, fakes.moments, root=reference.root)


def _logits(fakes: Extracted) -> Tensor:
    assert fakes.logits is not None
    return fakes.logits.cpu()


def _inception_score(fakes: Extracted) -> dict[str, float]:
    logits = _logits(fakes)
    score = isc_features_to_metric(logits, splits=splits(len(logits)))
    return {"is": score[KEY_METRIC_ISC_MEAN], "is_std": score[KEY_METRIC_ISC_STD]}


def _kid(fakes: Extracted, reference: Reference) -> dict[str, float]:
    size = kid_subset_size(len(fakes.features), len(reference.features))
    ours, theirs = (
        fakes.features.double().cpu(),
        reference.features.double(),
    )  # in float32 the sums lose 1e-4 of KID
    found = kid_features_to_metric(ours, theirs, kid_subsets=KID_SUBSETS, kid_subset_size=size, verbose=False)
    return {"kid": found[KEY_METRIC_KID_MEAN], "kid_std": found[KEY_METRIC_KID_STD]}


def _precision_recall(fakes: Extracted, reference: Reference) -> dict[str, float]:
    fewest = min(len(fakes.features), len(reference.features))
    if fewest <= PRECISION_NEIGHBOURS:
        raise EvaluationError(
            f"precision and recall look at {PRECISION_NEIGHBOURS} neighbours, and there are {fewest} images"
        )
    found = prc_features_to_metric(
        fakes.features, reference.features.to(fakes.features), prc_neighborhood=PRECISION_NEIGHBOURS,
        save_cpu_ram=True, verbose=False,
    )  # fmt: skip
    return {"precision": found[KEY_METRIC_PRECISION], "recall": found[KEY_METRIC_RECALL]}


def _density_coverage(fakes: Extracted, reference: Reference) -> dict[str, float]:
    features = fakes.features[:NEIGHBOURS_AMONG]
    near = reference.neighbourhood.to(features)
    density, coverage = density_and_coverage(near, reference.radii.to(near.device), features)
    return {"density": density, "coverage": coverage}


def _memorisation(fakes: Extracted, reference: Reference) -> _Numbers:
    # a copy may be of any training image
    found = nearest(fakes.features[:NEIGHBOURS_AMONG], reference.features)
    distance, real = (of_each[:, 0].cpu() for of_each in found)
    pairs: list[JSON] = [
        {"fake": int(i), "real": int(real[i]), "distance": distance[i].item()}
        for i in distance.argsort(stable=True)[:_PAIRS]
    ]
    return {"memorisation": memorisation(distance, reference.fresh)}, {"closest_pairs": pairs}


def class_shares(logits: Tensor) -> dict[str, float]:
    """Share of confident classifications among logits (N, K), and the smallest class share among those."""
    probability, label = logits.double().softmax(1).max(1)
    confident = probability >= CONFIDENT
    counts = torch.bincount(label[confident], minlength=logits.shape[1])
    smallest = counts.min().item() / max(1, counts.sum().item())
    return {"certain_share": confident.double().mean().item(), "min_class_share": smallest}


def _classes(fakes: Extracted, labels: Tensor | None, classes: Sequence[str]) -> _Numbers:
    logits = _logits(fakes)
    if labels is None or logits.shape[1] != len(classes):
        raise EvaluationError(f"the extractor tells {logits.shape[1]} classes, the data have {len(classes)}")
    fake, real = (
        torch.bincount(those, minlength=len(classes)).double() / len(those)
        for those in (logits.argmax(1), labels)
    )
    shares: dict[str, JSON] = {
        name: {"fake": f, "real": r} for name, f, r in zip(classes, fake.tolist(), real.tolist(), strict=True)
    }
    return {"class_distance": (fake - real).abs().sum().item() / 2}, {"class_histogram": shares}
