"""Generated images against real ones: FID, IS, density, coverage, class shares, memorisation."""

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ganlab.data import DataSource, TensorSet
from ganlab.errors import ConfigError, EvaluationError
from ganlab.evaluation.frechet import Moments, MomentSum, frechet_distance
from ganlab.evaluation.neighbours import NEIGHBOURS, density_and_coverage, kth_neighbour, memorisation
from ganlab.evaluation.result import JSON, Evaluation, Result, Sampler, sampled

if TYPE_CHECKING:  # importing them takes seconds
    from ganlab.evaluation.extractors import Extractor
    from ganlab.evaluation.reference import Reference

CONFIDENT = 0.9  # probability from which on a classification counts
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Fakes:
    """Moments of all fakes' features, features (K, D) of the first ones, logits (n_fake, classes) or None."""

    moments: Moments
    features: Tensor
    logits: Tensor | None


class ImageEvaluation(Evaluation):
    """Measures images in the feature space of one extractor, as torch-fidelity would.

    Metrics: ``fid``, ``is`` and ``is_std`` for inception-v3-compat, ``fid_<extractor>`` and so on for others;
    ``density_``, ``coverage_`` and, where the data have a held-out split, ``memorisation``.  If the extractor
    is the data set's own classifier, also ``certain_share`` (of fakes classified with probability >= 0.9)
    and ``min_class_share`` (of the rarest class among those).

    Args:
        data: images; `reference` names the split that fakes are compared with.
        cache: folder for reference statistics and downloaded weights.
        extractor: ``digits``, ``inception-v3-compat``, another name known to torch-fidelity, or an instance
            of a ``torch_fidelity.FeatureExtractorBase`` (in YAML: a mapping with the class as ``_target_``).
        weights: file with the extractor's weights; None: those that ship, or torch-fidelity's download.
        n_fake: images to measure, >= 2; FID is biased upwards in it.
        batch_size: images that pass the extractor at a time, >= 1.
        seed: of the latents.

    Sources: Heusel et al. 2017 (FID), Salimans et al. 2016 (IS, 10 splits), Naeem et al. 2020 (density,
    coverage), Meehan et al. 2020 (memorisation).
    """

    def __init__(
        self, *, data: DataSource, cache: Path | str, extractor: str | nn.Module = "digits",
        weights: Path | str | None = None, n_fake: int = 900, batch_size: int = 256, reference: str = "train",
        seed: int = 0,
    ) -> None:  # fmt: skip
        if n_fake < 2:
            raise ValueError(f"n_fake must be at least 2, got {n_fake}")
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        if not data.is_image:
            raise ConfigError(
                f"this evaluation measures images, and data={data.name} is points: evaluation=mixture"
            )
        if reference not in data.splits:
            raise ValueError(f"reference must be one of {', '.join(data.splits)}, got {reference!r}")
        if weights is not None and not Path(weights).is_file():
            raise EvaluationError(f"evaluation.weights: there is no file {weights}")
        self.data, self.cache, self.reference_split = data, Path(cache), reference
        self.extractor, self.weights = extractor, None if weights is None else Path(weights)
        self.n_fake, self.batch_size, self.seed = n_fake, batch_size, seed
        self.name = _name(extractor)
        self.suffix = "" if self.name == "inception-v3-compat" else f"_{self.name}"
        self.directions = {
            f"fid{self.suffix}": "min",
            f"is{self.suffix}": "max",
            f"coverage_{self.name}": "max",
        }
        self._reference: Reference | None = None

    @property
    def names(self) -> tuple[str, ...]:
        scores = (f"is{self.suffix}", f"is_std{self.suffix}") if self._extractor.logits_layer else ()
        own_classes = self.name == self.data.name and self.data.classes
        shares = ("certain_share", "min_class_share") if scores and own_classes else ()
        copies = ("memorisation",) if self._held_out else ()
        near = (f"density_{self.name}", f"coverage_{self.name}")
        return (f"fid{self.suffix}", *scores, *shares, *near, *copies)

    def __call__(self, sample: Sampler, *, device: torch.device | str = "cpu") -> Result:
        from ganlab.evaluation.reference import get_reference

        self._extractor.to(device)
        reference = self._reference = self._reference or get_reference(
            self._extractor, self._real, self._held_out,
            cache=self.cache, batch_size=self.batch_size, device=device,
        )  # fmt: skip
        fakes = self._measure(sample, device)
        if self.n_fake <= (dimensions := fakes.features.shape[1]):
            _log.warning("%d fakes in %d dimensions: FID is biased upwards", self.n_fake, dimensions)
        distance = frechet_distance(reference.moments, fakes.moments, root=reference.root)
        metrics = {f"fid{self.suffix}": distance, **self._class_metrics(fakes.logits)}
        near, radii = reference.features.to(fakes.features), reference.radii.to(fakes.features.device)
        density, coverage = density_and_coverage(near, radii, fakes.features)
        metrics |= {f"density_{self.name}": density, f"coverage_{self.name}": coverage}
        if reference.held_out is not None:
            distances = kth_neighbour(fakes.features, near).cpu()
            metrics["memorisation"] = memorisation(distances, reference.held_out)
        return Result(metrics, self.protocol)

    def prefetch(self) -> list[Path]:
        return [path for path in [self._extractor.path] if path]  # loading it downloads what is missing

    @cached_property
    def protocol(self) -> dict[str, JSON]:
        """All that decides the numbers, apart from the samples themselves."""
        import torch_fidelity

        from ganlab.evaluation.reference import NEIGHBOURS_AMONG

        extractor, real, held_out = self._extractor, self._real, self._held_out
        return {
            "extractor": self.name, "weights_sha256": extractor.sha256,
            "n_fake": self.n_fake, "n_real": len(real),
            "reference": real.name, "reference_sha256": real.sha256,
            "held_out_sha256": held_out.sha256 if held_out else None,
            "shape": list(self.data.shape), "resize": extractor.resize,
            "channels": "grey replicated to RGB" if self.data.shape[0] == 1 else "RGB",
            "quantisation": "uint8, rounded to nearest from [-1, 1], clipped",
            "seed": self.seed, "dtype": "float32", "batch_size": self.batch_size,
            "inception_score_splits": self._splits,
            "neighbours": NEIGHBOURS, "neighbours_among": NEIGHBOURS_AMONG,
            "torch_fidelity": torch_fidelity.__version__, "torch": str(torch.__version__),
        }  # fmt: skip

    @property
    def _splits(self) -> int:
        return min(10, self.n_fake)  # torch-fidelity's default; a split must not be empty

    @cached_property
    def _extractor(self) -> "Extractor":
        from ganlab.evaluation.extractors import load_extractor

        return load_extractor(self.extractor, weights=self.weights, cache=self.cache)

    @cached_property
    def _real(self) -> TensorSet:
        return self.data.split(self.reference_split)

    @cached_property
    def _held_out(self) -> TensorSet | None:
        """Real images that no GAN is trained on, if there is such a split beside the reference."""
        there = "held_out" in self.data.splits and self.reference_split != "held_out"
        return self.data.split("held_out") if there else None

    def _measure(self, sample: Sampler, device: torch.device | str) -> _Fakes:
        from ganlab.evaluation.reference import NEIGHBOURS_AMONG

        sums, features, logits = None, [], []
        for start in range(0, self.n_fake, self.batch_size):
            n = min(self.batch_size, self.n_fake - start)
            x = sampled(sample, n, start, shape=self.data.shape)
            batch, batch_logits = self._extractor(x.to(device))
            sums = (sums or MomentSum(batch.shape[1], device=batch.device)).add(batch)
            features.append(batch[: max(0, NEIGHBOURS_AMONG - start)])
            if batch_logits is not None:
                logits.append(batch_logits.cpu())
        assert sums is not None
        return _Fakes(sums.moments(), torch.cat(features), torch.cat(logits) if logits else None)

    def _class_metrics(self, logits: Tensor | None) -> dict[str, float]:
        from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, KEY_METRIC_ISC_STD, isc_features_to_metric

        if logits is None:
            return {}
        score = isc_features_to_metric(logits, splits=self._splits)
        metrics = {
            f"is{self.suffix}": score[KEY_METRIC_ISC_MEAN], f"is_std{self.suffix}": score[KEY_METRIC_ISC_STD],
        }  # fmt: skip
        if self.name == self.data.name and len(self.data.classes or ()) == logits.shape[1]:
            metrics |= class_shares(logits)
        return metrics


def _name(extractor: str | nn.Module) -> str:
    if isinstance(extractor, str):
        return extractor
    from torch_fidelity import FeatureExtractorBase

    if not isinstance(extractor, FeatureExtractorBase):
        raise ValueError(
            f"extractor must be a name or a torch_fidelity.FeatureExtractorBase, got {extractor!r}"
        )
    return extractor.get_name()


def class_shares(logits: Tensor) -> dict[str, float]:
    """Share of confident classifications among logits (N, K), and the smallest class share among those."""
    probability, label = logits.double().softmax(1).max(1)
    confident = probability >= CONFIDENT
    counts = torch.bincount(label[confident], minlength=logits.shape[1])
    smallest = counts.min().item() / max(1, counts.sum().item())
    return {"certain_share": confident.double().mean().item(), "min_class_share": smallest}
