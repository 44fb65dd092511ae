"""Generated images against real ones, in the feature space of an extractor."""

from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from ganlab.data import DataSource, TensorSet
from ganlab.errors import ConfigError, EvaluationError
from ganlab.evaluation.result import JSON, Evaluation, Result, Sampler, Tick, sampled
from ganlab.evaluation.shards import Shards

if TYPE_CHECKING:  # importing them takes seconds
    from ganlab.evaluation.extractors import Extractor
    from ganlab.evaluation.measures import Wanted
    from ganlab.evaluation.reference import Depth, Reference, ReferenceCache
    from ganlab.evaluation.statistics import StatisticsFile

# bare for inception-v3-compat, the extractor of the literature
_SUFFIXED = ("fid", "is", "is_std", "kid", "kid_std")
# always with their extractor: they have no customary one
_NAMED = ("precision", "recall", "density", "coverage")


class ImageEvaluation(Evaluation):
    """Measures images in the feature space of one extractor, as torch-fidelity would.

    Metrics: ``fid``, ``is``, ``is_std``, ``kid``, ``kid_std`` for inception-v3-compat, ``fid_<extractor>`` and so on
    for others; ``precision_``, ``recall_``, ``density_`` and ``coverage_<extractor>``; where the reference is the split
    to train on, ``memorisation``.  If the
    extractor is the data set's own classifier, which has the data set's name and as many logits as classes, also ``certain_share`` (of fakes classified with probability >= 0.9),
    ``min_class_share`` (of the rarest class among those) and ``class_distance`` (total variation between the classes
    of the fakes and of the real images, in [0, 1]).

    Args:
        data: images; `reference` names the split that fakes are compared with.
        cache: folder for reference statistics and downloaded weights.
        extractor: ``digits``, ``inception-v3-compat``, another name known to torch-fidelity, or an instance
            of a ``torch_fidelity.FeatureExtractorBase`` (in YAML: a mapping with the class as ``_target_``).
        weights: file with the extractor's weights; None: those that ship, or torch-fidelity's download.
        metrics: names of those to measure where none are asked for; None: FID, IS, density, coverage, and where the
            data allow it class shares and memorisation.
        n_fake: images to measure, >= 2; FID is biased upwards in it.
        batch_size: images that pass the extractor at a time on each process, >= 1.
        reference: a split of the data, or an ``.npz`` file of ``mu`` and ``sigma`` (FID alone).
        seed: of the latents.
        dtype: of the extractor's arithmetic; ``bfloat16`` is faster on a GPU and compares with nothing else.

    Sources: Heusel et al. 2017 (FID), Salimans et al. 2016 (IS, 10 splits), Binkowski et al. 2018 (KID, 100 subsets of
    1,000), Kynkaanniemi et al. 2019 (precision and recall, 3 neighbours), Naeem et al. 2020 (density, coverage),
    Meehan et al. 2020 (memorisation).
    """

    def __init__(
        self, *, data: DataSource, cache: Path | str, extractor: str | nn.Module = "digits",
        weights: Path | str | None = None, metrics: list[str] | None = None, n_fake: int = 900,
        batch_size: int = 256, reference: str = "train", seed: int = 0,
        dtype: Literal["float32", "bfloat16"] = "float32",
    ) -> None:  # fmt: skip
        if n_fake < 2:
            raise ValueError(f"n_fake must be at least 2, got {n_fake}")
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        if not data.is_image:
            raise ConfigError(
                f"this evaluation measures images, and data={data.name} is points: evaluation=mixture"
            )
        self._of_file = reference.endswith(".npz")
        if reference not in data.splits and not self._of_file:
            raise ValueError(
                f"reference must be one of {', '.join(data.splits)}, got {reference!r}, which is no .npz file either"
            )
        if weights is not None and not Path(weights).is_file():
            raise EvaluationError(f"evaluation.weights: there is no file {weights}")
        if dtype not in ("float32", "bfloat16"):
            raise ValueError(f"dtype must be float32 or bfloat16, got {dtype!r}")
        self.data, self.cache, self.reference, self.dtype = data, Path(cache), reference, dtype
        self.extractor, self.weights = extractor, None if weights is None else Path(weights)
        self.n_fake, self.batch_size, self.seed = n_fake, batch_size, seed
        self.name = _name(extractor)
        names = {"fid": "min", "kid": "min"} | dict.fromkeys(("is", "coverage", "precision", "recall"), "max")
        self.directions = {self._full(name): way for name, way in names.items()}
        self.selects = self._full("fid")
        self._metrics, self._references = metrics, dict["Depth", "Reference | None"]()
        self._warned = False  # once is enough for all evaluations of a run

    def _full(self, name: str) -> str:
        """What a metric is called with this extractor."""
        bare = self.name == "inception-v3-compat" and name in _SUFFIXED
        return f"{name}_{self.name}" if name in (*_SUFFIXED, *_NAMED) and not bare else name

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._full(name) for name in self._possible)

    @property
    def standard(self) -> tuple[str, ...]:
        if self._metrics is not None:
            return self.choose(self._metrics)
        left_out = {"class_distance", "kid", "kid_std", "precision", "recall"}
        left_out |= set() if self._held_out else {"memorisation"}
        return tuple(self._full(name) for name in self._possible if name not in left_out)

    @property
    def short(self) -> Mapping[str, tuple[str, ...]]:
        groups = {"prc": ("precision", "recall"), "is": ("is", "is_std"), "kid": ("kid", "kid_std")}
        alone = {name: (name,) for name in self._possible}
        return {
            name: tuple(map(self._full, longer))
            for name, longer in {**alone, **groups}.items()
            if set(longer) <= set(self._possible)
        }

    @cached_property
    def _possible(self) -> tuple[str, ...]:
        """Short names of what can be measured, in the order of reports."""
        classes = ("is", "is_std") if self._extractor.logits_layer else ()
        own_classes = classes and self.name == self.data.name and self.data.classes
        shares = ("certain_share", "min_class_share") if own_classes else ()
        if self._of_file:
            return ("fid", *classes, *shares)
        labelled = ("class_distance",) if own_classes and self._real.y is not None else ()
        # copies are sought among what was trained on
        trained_on = ("memorisation",) if self.reference == self.data.splits[0] else ()
        return ("fid", *classes, *shares, *labelled, "kid", "kid_std", *_NAMED, *trained_on)

    def __call__(
        self, sample: Sampler, *, device: torch.device | str = "cpu", metrics: Sequence[str] | None = None,
        tick: Tick | None = None,
    ) -> Result:  # fmt: skip
        from ganlab.evaluation.features import extract
        from ganlab.evaluation.measures import measures, warn_of_bias

        wanted, shards = self.wanted(metrics), Shards()
        shards.together(lambda: self._extractor.to(device))
        reference = self._reference_of(wanted.depth, device, shards, tick)
        fakes = extract(
            self._extractor, lambda numbers: sampled(sample, numbers, shape=self.data.shape), self.n_fake,
            keep=wanted.kept(self.n_fake), logits=wanted.logits, batch_size=self.batch_size, device=device,
            shards=shards, what="samples", tick=tick,
        )  # fmt: skip

        def work_out() -> tuple[dict[str, float], dict[str, JSON]]:
            assert reference is not None
            if "fid" in wanted.names and not self._warned:
                self._warned = warn_of_bias(self.n_fake, reference)
            labels = None if self._of_file else self._real.y
            return measures(fakes, reference, wanted, labels=labels, classes=self.data.classes)

        numbers, details = shards.first(work_out)
        named = {self._full(name): numbers[name] for name in self._possible if name in numbers}
        several: dict[str, JSON] = {"processes": shards.world} if shards.world > 1 else {}
        found = details.get("closest_pairs")
        pairs = partial(self._pictures, sample, found) if isinstance(found, list) else None
        return Result(named, {**self.protocol, **several}, details=details, pairs=pairs)

    def _pictures(self, sample: Sampler, pairs: list[dict[str, int]]) -> Tensor:
        fakes = [sample(range(pair["fake"], pair["fake"] + 1))[0].cpu() for pair in pairs]
        return torch.stack([torch.stack(fakes), self._real.x[[pair["real"] for pair in pairs]]], dim=1)

    def wanted(self, metrics: Sequence[str] | None) -> "Wanted":
        """What these metrics must see."""
        from ganlab.evaluation.measures import Wanted

        return Wanted({name for name in self._possible if self._full(name) in self.choose(metrics)})

    def prefetch(self) -> list[Path]:
        return [path for path in [self._extractor.path] if path]  # loading it downloads what is missing

    def keep_reference(self, *, device: torch.device | str, tick: Tick | None = None) -> "Reference":
        """Mean and covariance of the real images, from the cache or made now; of one process."""
        reference = self._reference_of("moments", device, Shards(), tick)
        assert reference is not None
        return reference

    @property
    def protocol(self) -> dict[str, JSON]:
        """All that decides the numbers, apart from the samples themselves."""
        from ganlab.evaluation import measures

        extractor, real, held_out = self._extractor, self._reference_source, self._held_out
        return {
            "extractor": self.name, "weights_sha256": extractor.sha256,
            "n_fake": self.n_fake, "n_real": real.n,
            "reference": real.name, "reference_sha256": real.sha256,
            "held_out_sha256": held_out.sha256 if held_out else None,
            "shape": list(self.data.shape), "resize": extractor.resize,
            "channels": "grey replicated to RGB" if self.data.shape[0] == 1 else "RGB",
            "quantisation": "uint8, rounded to nearest from [-1, 1], clipped",
            "seed": self.seed, "dtype": self.dtype, "batch_size": self.batch_size,
            **measures.definitions(self.n_fake, real.n),
        }  # fmt: skip

    @cached_property
    def _extractor(self) -> "Extractor":
        from ganlab.evaluation.extractors import load_extractor

        return load_extractor(self.extractor, weights=self.weights, cache=self.cache, dtype=self.dtype)

    @cached_property
    def _real(self) -> TensorSet:
        return self.data.split(self.reference)

    @cached_property
    def _held_out(self) -> TensorSet | None:
        """Real images that no GAN is trained on, if there is such a split beside the reference."""
        there = "held_out" in self.data.splits and self.reference != "held_out" and not self._of_file
        return self.data.split("held_out") if there else None

    @cached_property
    def _reference_source(self) -> "ReferenceCache | StatisticsFile":
        if self._of_file:
            from ganlab.evaluation.statistics import StatisticsFile

            return StatisticsFile(
                Path(self.reference), extractor=self.name, weights_sha256=self._extractor.sha256
            )
        from ganlab.evaluation.reference import ReferenceCache

        return ReferenceCache(
            self._extractor, self._real, self._held_out, folder=self.cache, batch_size=self.batch_size
        )

    def _reference_of(
        self, depth: "Depth", device: torch.device | str, shards: Shards, tick: Tick | None
    ) -> "Reference | None":
        if depth == "moments" and self._references:  # a deeper one will do
            return next(iter(self._references.values()))
        if depth not in self._references:
            source = shards.together(lambda: self._reference_source)
            self._references[depth] = source.get(depth, device=device, shards=shards, tick=tick)
        return self._references[depth]


def _name(extractor: str | nn.Module) -> str:
    if isinstance(extractor, str):
        return extractor
    from torch_fidelity import FeatureExtractorBase

    if not isinstance(extractor, FeatureExtractorBase):
        raise ValueError(
            f"extractor must be a name or a torch_fidelity.FeatureExtractorBase, got {extractor!r}"
        )
    return extractor.get_name()
