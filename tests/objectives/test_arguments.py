"""Bad arguments are refused in one sentence that starts with the argument's name."""

import math

import pytest

from ganlab.constraints import WeightClipping
from ganlab.objectives import (
    BEGAN,
    EBGAN,
    KullbackLeibler,
    LeastSquares,
    LossSensitive,
    NonSaturating,
    RelativisticAverage,
    RelativisticPaired,
)
from ganlab.penalties import R1, R2, Dragan, DraganUniform, Drift, GradientPenalty, OneCentred

REFUSED = [
    (NonSaturating, {"real_label": 0.5}), (NonSaturating, {"real_label": 1.1}),
    (LeastSquares, {"a": 1.0}), (LeastSquares, {"c": 0.0}), (LeastSquares, {"b": math.inf}),
    (KullbackLeibler, {"generator_loss": "saturating"}),
    (RelativisticPaired, {"cost": "wgan"}), (RelativisticAverage, {"cost": ""}),
    (EBGAN, {"margin": 0.0}), (EBGAN, {"margin": -1.0}),
    (EBGAN, {"pulling_away": -0.1, "margin": 1.0}), (EBGAN, {"pretrain_images": -1, "margin": 1.0}),
    (BEGAN, {"gamma": 0.0}), (BEGAN, {"gamma": 1.5}), (BEGAN, {"lambda_k": 0.0}),
    (BEGAN, {"patience": -1}), (BEGAN, {"decay": 0.0}),
    (LossSensitive, {"weight": 0.0}), (LossSensitive, {"slope": 1.5}), (LossSensitive, {"norm": "l3"}),
    (LossSensitive, {"scale": 0.0}),
    (WeightClipping, {"bound": 0.0}),
    (R1, {"gamma": 0.0}), (R2, {"gamma": -1.0}), (R1, {"interval": 0, "gamma": 1.0}),
    (GradientPenalty, {"weight": 0.0}), (OneCentred, {"target": -1.0}),
    (Dragan, {"c": 0.0}), (DraganUniform, {"scale": -0.5}),
]  # fmt: skip


@pytest.mark.parametrize(("cls", "arguments"), REFUSED)
def test_a_bad_argument_is_refused_by_name(cls, arguments):
    bad = next(iter(arguments))
    with pytest.raises(ValueError, match=rf"^{bad} ") as caught:
        cls(**arguments)
    assert str(caught.value).count(". ") == 0


NUMBERS = {
    EBGAN: {"margin": 1.0, "pulling_away": 0.1}, BEGAN: {"gamma": 0.5, "lambda_k": 0.1, "decay": 0.5},
    NonSaturating: {"real_label": 0.9}, LeastSquares: {"a": -1.0, "b": 1.0, "c": 0.0},
    LossSensitive: {"weight": 1.0, "slope": 0.5, "scale": 1.0}, WeightClipping: {"bound": 0.1},
    R1: {"gamma": 1.0}, R2: {"gamma": 1.0}, GradientPenalty: {"weight": 1.0, "target": 1.0},
    Dragan: {"c": 1.0}, DraganUniform: {"scale": 1.0}, Drift: {"weight": 1.0},
}  # fmt: skip


@pytest.mark.parametrize(("cls", "name"), [(cls, name) for cls, good in NUMBERS.items() for name in good])
def test_what_is_not_a_number_is_refused(cls, name):
    cls(**NUMBERS[cls])
    with pytest.raises(ValueError, match=rf"^{name} .*nan"):
        cls(**NUMBERS[cls] | {name: math.nan})


@pytest.mark.parametrize("cls", dict.fromkeys(cls for cls, _ in REFUSED))
def test_arguments_are_keyword_only(cls):
    with pytest.raises(TypeError):
        cls(1.0)
