"""Every key that is not an argument of a class: its type, its default and its range.

The mappings with a ``_target_`` (data, objective, networks, ...) are open here: `ganlab.config.build` checks
them against the constructors they name.
"""

import math
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, get_type_hints

from hydra.core.config_store import ConfigStore

from ganlab.health import Thresholds

_HEALTH = Thresholds()


@dataclass(frozen=True)
class Range:
    """The values a key may have: a choice of words, or an interval of numbers."""

    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None
    words: tuple[str, ...] = ()

    def __contains__(self, value: Any) -> bool:
        if self.words:
            return value in self.words
        return bool(
            (self.least is None or value >= self.least)
            and (self.above is None or value > self.above)
            and (self.most is None or value <= self.most)
            and (self.below is None or value < self.below)
            and math.isfinite(value)
        )

    def __str__(self) -> str:
        if self.words:
            return "one of " + ", ".join(self.words)
        bounds = (
            ("at least", self.least),
            ("above", self.above),
            ("at most", self.most),
            ("below", self.below),
        )
        return " and ".join(f"{word} {bound}" for word, bound in bounds if bound is not None)


def key(default: Any, *words: str, **interval: float) -> Any:
    """A dataclass field with a range: the words it may be, or bounds named as in `Range`."""
    return field(default=default, metadata={"range": Range(words=words, **interval)})


@dataclass
class RunConfig:
    """Where the run is written; null makes up a name, `resume: auto` goes on from a checkpoint there."""

    name: str | None = None
    root: str = "runs"
    resume: str = key("auto", "auto", "never")
    notes: str | None = None
    tags: list[str] = field(default_factory=list)


@dataclass
class BudgetConfig:
    """How long to train, in real images shown to the discriminator."""

    images: int = key(240_000, least=1)


@dataclass
class LogConfig:
    """Images between two lines of metrics.jsonl."""

    every: int = key(4_000, least=1)


@dataclass
class DiagnosticsConfig:
    """Images between two samples of the diagnostics (null: at every line of the log, 0: none).

    `slopes`, which cost a backward pass through D: null takes them where the objective rests on a bound on them.
    """

    every: int | None = key(None, least=0)
    slopes: bool | None = None


@dataclass
class HealthConfig:
    """What a collapse of the samples does, and the thresholds of `ganlab.health.Thresholds`."""

    on_collapse: str = key("warn", "warn", "stop")
    lines: int = key(_HEALTH.lines, least=1)
    warmup: float = key(_HEALTH.warmup, least=0, most=1)
    difference: float = key(_HEALTH.difference, above=0)
    improvement: float = key(_HEALTH.improvement, least=0)
    won_accuracy: float = key(_HEALTH.won_accuracy, least=0.5, most=1)
    won_signal: float = key(_HEALTH.won_signal, least=0)
    won_gradient: float = key(_HEALTH.won_gradient, least=0)
    collapse_diversity: float = key(_HEALTH.collapse_diversity, least=0)
    collapse_fall: float = key(_HEALTH.collapse_fall, least=0, most=1)
    collapse_kinds: float = key(_HEALTH.collapse_kinds, least=0)
    collapse_duplicates: float = key(_HEALTH.collapse_duplicates, above=0)
    oscillation_accuracy: float = key(_HEALTH.oscillation_accuracy, above=0, below=0.5)
    oscillation_shift: float = key(_HEALTH.oscillation_shift, above=0)
    oscillation_swings: int = key(_HEALTH.oscillation_swings, least=1)
    divergence_update: float = key(_HEALTH.divergence_update, above=0)
    divergence_step: float = key(_HEALTH.divergence_step, above=0)
    divergence_loss: float = key(_HEALTH.divergence_loss, above=0)
    lipschitz_slope: float = key(_HEALTH.lipschitz_slope, above=0)
    forgot_share: float = key(_HEALTH.forgot_share, above=0, most=1)
    blind_accuracy: float = key(_HEALTH.blind_accuracy, least=0, most=1)
    overflow: float = key(_HEALTH.overflow, above=0)


@dataclass
class CheckpointConfig:
    """Images between two checkpoints (null: at evaluations) and how many to keep."""

    every: int | None = key(None, least=1)
    keep: int = key(2, least=1)


@dataclass
class SelectionConfig:
    """How the last and the best checkpoint are compared at the end: on fresh samples of so many seeds (0: not at all)."""

    seeds: int = key(3, least=0)
    n_fake: int | None = key(None, least=2)


@dataclass
class SamplesConfig:
    """Images in a grid."""

    n: int = key(64, least=1)


@dataclass
class NetworkConfig:
    """The two networks and the latent distribution; `spectral_norm` is the discriminator's."""

    latent_dim: int = key(100, least=1)
    latent: str = key("normal", "normal", "uniform")
    spectral_norm: bool = False
    generator: dict[str, Any] = field(default_factory=dict)
    discriminator: dict[str, Any] = field(default_factory=dict)


@dataclass
class GameConfig:
    """The order of play; `n_critic` D steps to one G step, whose batch is `g_batch_factor` times D's."""

    n_critic: int = key(1, least=1)
    order: str = key("d_first", "d_first", "g_first", "simultaneous")
    g_batch_factor: int = key(1, least=1)
    accumulate: int = key(1, least=1)
    g_real: str = key("reuse", "reuse", "fresh")
    packing: int = key(1, least=1)


@dataclass
class OptimizerConfig:
    """One optimizer per player; the schedule ends at `final_lr` times the initial learning rate.

    A player's gradients are shortened to the norm `clip_norm` where they are longer; 0: never.
    """

    generator: dict[str, Any] = field(default_factory=dict)
    discriminator: dict[str, Any] = field(default_factory=dict)
    schedule: str = key("constant", "constant", "linear", "cosine")
    final_lr: float = key(0.0, least=0, most=1)
    clip_norm: float = key(0.0, least=0)


@dataclass
class EmaConfig:
    """Half-life of G's moving average, in images (0: off), at most `rampup` times the images seen."""

    half_life: float = key(10_000.0, least=0)
    rampup: float = key(0.05, least=0)


@dataclass
class TrainerConfig:
    """What Lightning runs on; `devices` is a number, a list of indices, or auto for all there are."""

    accelerator: str = key("auto", "auto", "cpu", "gpu", "cuda")
    devices: Any = 1
    num_nodes: int = key(1, least=1)
    precision: str = key("32-true", "32-true", "64-true", "bf16-mixed", "16-mixed")


@dataclass
class WandbConfig:
    """Weights & Biases; `auto` is online where a key is found and offline otherwise.

    `log_model` uploads the newest checkpoint at the end, `gradients` histograms of every gradient at every line
    of the log; at the end, the upload may take `finish_timeout` seconds.
    """

    mode: str = key("auto", "auto", "online", "offline", "disabled")
    project: str = "ganlab"
    entity: str | None = None
    group: str | None = None
    job_type: str | None = "train"
    log_model: bool = False
    gradients: bool = False
    finish_timeout: int = key(60, least=1)


@dataclass
class Config:
    """The root of every configuration."""

    seed: int = key(0, least=0, below=2**63)
    run: RunConfig = field(default_factory=RunConfig)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    log: LogConfig = field(default_factory=LogConfig)
    diagnostics: DiagnosticsConfig = field(default_factory=DiagnosticsConfig)
    health: HealthConfig = field(default_factory=HealthConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    selection: SelectionConfig = field(default_factory=SelectionConfig)
    samples: SamplesConfig = field(default_factory=SamplesConfig)
    data: dict[str, Any] = field(default_factory=dict)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    objective: dict[str, Any] = field(default_factory=dict)
    penalty: dict[str, Any] = field(default_factory=dict)
    constraint: dict[str, Any] = field(default_factory=dict)
    game: GameConfig = field(default_factory=GameConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    ema: EmaConfig = field(default_factory=EmaConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    evaluation: dict[str, Any] = field(default_factory=dict)
    wandb: WandbConfig = field(default_factory=WandbConfig)


@dataclass(frozen=True)
class Leaf:
    """Type and range of one key."""

    annotation: Any
    range: Range | None = None


AT_LEAST_ONE = Leaf(int, Range(least=1))
# Keys of a `_target_` mapping that ganlab reads itself and does not pass to the constructor ...
EXTRA = {"data": {"batch_size": AT_LEAST_ONE}, "evaluation": {"every": AT_LEAST_ONE}}
# ... and arguments that ganlab passes and the configuration must not.
PROVIDED = {
    "network.generator": {"shape", "latent_dim"},
    "network.discriminator": {"shape"},
    "optimizer.generator": {"params"},
    "optimizer.discriminator": {"params"},
    "evaluation": {"data", "cache"},
}
# Arguments of classes that are not ganlab's, whose constructors check less than a person wants.
FOREIGN = {
    f"optimizer.{player}": {"lr": Range(above=0), "betas": Range(least=0, below=1)}
    for player in ("generator", "discriminator")
}


def leaves(schema: type = Config, prefix: str = "") -> dict[str, Leaf]:
    """``{dotted key: Leaf}`` for every typed key, sections left out."""
    found: dict[str, Leaf] = {}
    hints = get_type_hints(schema)
    for item in fields(schema):
        name = prefix + item.name
        if is_dataclass(hints[item.name]):
            found |= leaves(hints[item.name], name + ".")
        elif item.default_factory is not dict:
            found[name] = Leaf(hints[item.name], item.metadata.get("range"))
    for section, extra in EXTRA.items() if not prefix else ():
        found |= {f"{section}.{name}": leaf for name, leaf in extra.items()}
    return found


ConfigStore.instance().store(name="schema", node=Config, provider="ganlab")
