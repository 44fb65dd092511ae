"""The saturating and the non-saturating gradient: what reaches G where D is sure of the fakes."""

import torch
from matplotlib.figure import Figure
from torch import Tensor

from ganlab.illustrations import Illustration
from ganlab.objectives import Hinge, LeastSquares, Match, Minimax, NonSaturating, Objective, Scores

VALUES = torch.linspace(-8, 4, 241, dtype=torch.float64)


def objectives() -> dict[str, Objective]:
    """Whose gradients are drawn, by title."""
    return {
        "minimax: log(1 - D)": Minimax(),
        "non-saturating: -log D": NonSaturating(),
        "least squares, c = 1": LeastSquares(),
        "hinge, Wasserstein": Hinge(),
    }


def generator_gradient(objective: Objective, values: Tensor) -> tuple[Tensor, Tensor]:
    """G's loss of single fakes and its derivative by D's value of them, (N,) each."""
    values = values.detach().requires_grad_()
    losses = torch.stack([objective.g_loss(Match(v, v, None, Scores(v[None]))) for v in values.unbind()])
    (slopes,) = torch.autograd.grad(losses.sum(), values)
    return losses.detach(), slopes


def gradients_figure() -> Figure:
    """G's loss, and the size of its gradient, against what D says about a fake."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for title, objective in objectives().items():
        losses, slopes = generator_gradient(objective, VALUES)
        left.plot(VALUES, losses, label=title)
        right.plot(VALUES, slopes.abs(), label=title)
    left.set(ylim=(-6, 9), ylabel="G's loss")
    right.set(ylim=(0, 3), ylabel="|derivative of G's loss by D's value|")
    for axis in (left, right):
        axis.axvline(0, color="grey", linestyle=":")
        axis.set_xlabel("D's value v of a fake")
        axis.grid(alpha=0.3)
    left.legend(fontsize=9, loc="upper right")
    left.text(0.2, -5.7, "v = 0: logistic D = ½,\nleast squares' target\nfor fakes", color="grey", fontsize=8)
    right.annotate("logits: D is\nsurer of a fake", (-7.9, 0.3), (-5.2, 0.3), color="grey", fontsize=9,
                   va="center", arrowprops={"arrowstyle": "->", "color": "grey"})  # fmt: skip
    right.plot(0, 1, "o", color="tab:green")
    right.annotate("least squares: D is\nsure of a fake here", (0, 1), (-6.9, 1.7), color="tab:green", fontsize=9,
                   arrowprops={"arrowstyle": "->", "color": "tab:green"})  # fmt: skip
    return figure


ILLUSTRATION = Illustration("the saturating and the non-saturating gradient of G", gradients_figure)
