"""A run's setting in words: the recipe's name for every shipped objective, and what else sets runs apart."""

from pathlib import Path

import pytest

from ganlab import config
from ganlab.config.losses import loss_of
from ganlab.report.reading import read_run
from ganlab.report.settings import say, setting_names, varying
from tests.report.folders import made_run


@pytest.mark.parametrize("name", config.choices()["objective"])
def test_every_recipe_is_recognised(name: str) -> None:
    assert config.loss_name(config.compose([f"objective={name}"])) == name


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["objective=hinge", "penalty=[r1]"], "Hinge + r1"),
        (["objective=wgan", "penalty=[gradient_penalty]"], "Wasserstein + gradient_penalty + clip"),
        (["objective=rpgan", "penalty=[r1,r2]"], "rpgan + r1 + r2"),
        (["objective=minimax", "penalty=[]"], "minimax, no penalty"),
        (["objective.real_label=0.9"], "non_saturating"),
        (["objective=least_squares", "objective.a=-1", "objective.c=0"], "least_squares_pearson"),
    ],
)
def test_what_departs_from_the_recipe_is_named(overrides: list[str], expected: str) -> None:
    assert config.loss_name(config.compose(overrides)) == expected


def test_objectives_of_ones_own_are_called_by_their_class() -> None:
    assert loss_of({"objective._target_": "my_losses.Logistic", "penalty.r1.gamma": 1.0}) == "Logistic + r1"
    assert loss_of({}) == "unknown"


def test_seeds_share_a_setting_and_other_keys_part_it(tmp_path: Path) -> None:
    words = {
        "a": ["seed=0"],
        "b": ["seed=1", "run.notes=once more", "wandb.group=x"],
        "c": ["seed=0", "optimizer.generator.lr=2e-4", "optimizer.discriminator.lr=2e-4"],
        "d": ["objective=hinge", "seed=5"],
    }
    runs = [read_run(made_run(tmp_path, name, *own).path) for name, own in words.items()]
    usual = "non_saturating · discriminator.lr=0.001 · generator.lr=0.001"
    assert setting_names(runs) == [usual, usual, usual.replace("0.001", "0.0002"), "hinge"]
    assert varying(runs[:2]) == ["run.name", "run.notes", "seed", "wandb.group"]


def test_values_are_said_as_a_person_writes_them() -> None:
    values = [None, True, 1e-5, 0.5, 3, [0.0, 0.99], "text"]
    assert [say(value) for value in values] == ["null", "true", "1e-05", "0.5", "3", "[0, 0.99]", "text"]
