"""Pictures of samples and of a run's metrics."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganlab.data.mixtures import GaussianMixture
from ganlab.data.source import DataSource
from ganlab.errors import GanlabError
from ganlab.images import save_grid


def draw_samples(samples: Tensor, data: DataSource, path: Path) -> None:
    """Save a picture of samples: images (N, C, H, W) uint8 as a grid, points (N, 1 or 2) beside the real density."""
    if data.is_image:
        save_grid(samples.numpy(force=True), path)
    elif data.shape == (1,):
        _draw_line(samples.numpy(force=True), data, path)
    else:
        _draw_plane(samples.numpy(force=True), data, path)


def _draw_line(points: np.ndarray, data: DataSource, path: Path) -> None:
    figure, axes = _figure()
    real = _real_points(data)[:, 0]
    low, high = real.mean() - 5 * real.std(), real.mean() + 5 * real.std()
    if isinstance(data, GaussianMixture):
        x = torch.linspace(low, high, 400, dtype=torch.float64)
        axes.plot(x.numpy(), data.log_prob(x[:, None]).exp().numpy(), "k:", label="$p_{data}$")
    # a density, though some points may lie outside
    heights = np.full(len(points), 60 / (high - low) / len(points))
    axes.hist(
        points[:, 0], 60, range=(low, high), weights=heights, color="tab:green", alpha=0.6, label="$p_g$"
    )
    axes.legend(loc="upper right")
    _save(figure, path)


def _draw_plane(points: np.ndarray, data: DataSource, path: Path) -> None:
    figure, axes = _figure()
    real = _real_points(data)[: max(1000, len(points)), :2]
    axes.scatter(*real.T, s=4, color="lightgrey", label="data")
    axes.scatter(*points[:, :2].T, s=4, color="tab:green", label="samples")
    margin = 0.15 * (real.max() - real.min())
    limits = (real.min() - margin, real.max() + margin)
    axes.set(xlim=limits, ylim=limits, aspect=1)
    axes.legend(loc="upper right")
    _save(figure, path)


def _real_points(data: DataSource) -> np.ndarray:
    return data.split(data.splits[0]).x.numpy()


def draw_curves(lines: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Save the run's evaluation metrics against images seen, one panel each; nothing where there are none."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for line in lines:
        for name, value in line.items():
            if name.startswith("eval/"):
                curves.setdefault(name.removeprefix("eval/"), []).append((line["images"], value))
    if not curves:
        return
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * min(3, len(curves)), 3 * -(-len(curves) // 3)), layout="constrained")
    for position, (name, curve) in enumerate(curves.items(), 1):
        axes = figure.add_subplot(-(-len(curves) // 3), min(3, len(curves)), position)
        axes.plot(*zip(*curve, strict=True), marker=".")
        axes.set(title=f"{name}: {curve[-1][1]:.4g}", xlabel="real images shown to D")
        if name.startswith("fid"):
            axes.set_yscale("log")
        axes.grid(alpha=0.3)
    _save(figure, path)


def _figure() -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), layout="constrained")
    return figure, figure.add_subplot()


def _save(figure: Any, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=100, metadata={"Software": None})
    except OSError as error:
        raise GanlabError(f"cannot write the picture {path}: {error.strerror or error}") from error
