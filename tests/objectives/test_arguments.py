"""Bad arguments are refused in one sentence that starts with the argument's name."""

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
from ganlab.penalties import R1, R2, Dragan, DraganUniform, GradientPenalty, OneCentred

REFUSED = [
    (NonSaturating, {"real_label": 0.5}), (NonSaturating, {"real_label": 1.1}),
    (LeastSquares, {"a": 1.0}),
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


@pytest.mark.parametrize("cls", dict.fromkeys(cls for cls, _ in REFUSED))
def test_arguments_are_keyword_only(cls):
    with pytest.raises(TypeError):
        cls(1.0)
