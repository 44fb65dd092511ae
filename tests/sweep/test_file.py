"""Sweep files: what is read, what is refused and how."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from ganlab import config
from ganlab.errors import ConfigError
from ganlab.sweep.file import SweepFile, read_sweep
from ganlab.sweep.parameters import read_parameter
from tests.sweep.conftest import ROOT

SHIPPED = sorted((ROOT / "configs" / "sweep").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_files_are_sweeps_of_runs_that_exist(path: Path) -> None:
    sweep = read_sweep(path)
    sweep.check(["budget.images=1000"])
    assert sweep.metric == "best/fid_digits"
    assert sweep.goal == "minimize"


def test_losses_sweeps_every_objective_there_is() -> None:
    sweep = read_sweep(ROOT / "configs" / "sweep" / "losses.yaml")
    assert set(sweep.parameters["objective"].choices) == set(config.choices()["objective"])
    assert len(sweep.parameters["seed"].choices) >= 3


def test_what_a_file_says_is_read(sweep: Callable[..., SweepFile]) -> None:
    command = [
        "${env}",
        "${interpreter}",
        "-m",
        "${program}",
        "train",
        "--config-dir",
        "mine",
        "a=1",
        "${args_no_hyphens}",
    ]
    found = sweep(
        command=command,
        project="P",
        entity="E",
        run_cap=7,
        name="my sweep",
        early_terminate={"type": "hyperband"},
    )
    assert found.words == ["a=1", "wandb.project=P", "wandb.entity=E"]
    assert found.config_dirs == ["mine"]
    assert (found.run_cap, found.name, found.early_terminate) == (7, "my sweep", True)
    assert found.parameters["seed"].choices == ("3", "4", "5")


REFUSED = [
    ({"methd": "grid"}, "unknown key 'methd'; did you mean method?"),
    ({"controller": {"type": "local"}}, "unknown key 'controller'; it knows name, "),
    ({"method": "hyperband"}, "the method 'hyperband' is not supported; choose grid, random, bayes"),
    ({"method": None}, "the method 'None' is not supported"),
    ({"parameters": None}, "a sweep file has method, metric and parameters"),
    ({"parameters": {}}, "parameters must be a mapping of at least one key"),
    ({"metric": None}, "metric must be {name: best/fid_digits, goal: minimize}"),
    ({"metric": {"name": "loss/g"}}, "metric.name is 'loss/g'; trials are ranked by a metric with a protocol"),
    ({"metric": {"name": "best/fid", "goal": "min"}}, "metric.goal must be minimize or maximize, got 'min'"),
    ({"run_cap": 0}, "run_cap must be a whole number of at least 1, got 0"),
    ({"name": "a/b"}, "name must be the name of a folder, got 'a/b'"),
    ({"command": None}, "command is missing"),
    ({"command": ["ganlab", "train", "${args}"]}, "command must be ganlab train ... ${args_no_hyphens}"),
    ({"command": ["rm", "train", "${args_no_hyphens}"]}, "command must be ganlab train"),
    ({"command": ["ganlab", "train", "--debug", "${args_no_hyphens}"]}, "'--debug' is not a setting"),
    ({"parameters": {"seed": 3}}, "parameters.seed must be a mapping such as {values: [1, 2]}, got 3"),
    ({"parameters": {"seed": {"valeus": [3]}}}, "parameters.seed has an unknown key 'valeus'; did you mean value"),
    ({"parameters": {"seed": {"values": []}}}, "parameters.seed.values must be a list of at least one value"),
    ({"parameters": {"seed": {"values": [1, 1]}}}, "parameters.seed.values has a value twice"),
    ({"parameters": {"seed": {}}}, "parameters.seed needs value, values, or min and max"),
    ({"parameters": {"seed": {"min": 1, "max": "x"}}}, "parameters.seed.max must be a number, got 'x'"),
    ({"parameters": {"seed": {"min": 2, "max": 1}}}, "parameters.seed: min must be below max"),
    ({"parameters": {"a": {"parameters": {"b": {"value": 1}}}}}, "nested parameters are not supported; write the dotted key"),
    ({"parameters": {"a": {"value": {"b": 1}}}}, 'parameters.a: {"b": 1} is a mapping; sweep its keys one by one'),
    ({"parameters": {"a": {"distribution": "normal", "mu": 0}}}, "parameters.a has an unknown key 'mu'"),
    ({"parameters": {"a": {"distribution": "beta"}}}, "the distribution 'beta' is not supported; ganlab sweep knows constant"),
    ({"parameters": {"a": {"min": 0.1, "max": 1.0}}}, "parameters.a: a grid needs values, or whole numbers"),
    ({"parameters": {"a": {"distribution": "log_uniform_values", "min": 0, "max": 1}}}, "min must be below max and above 0"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "sentence"), REFUSED, ids=lambda item: str(item)[:40])
def test_a_file_that_makes_no_sense_is_refused(
    sweep_file: Callable[..., Path], changes: dict, sentence: str
) -> None:
    path = sweep_file(**changes)
    with pytest.raises(ConfigError) as error:
        read_sweep(path)
    assert str(error.value).startswith(f"{path}: ")
    assert sentence in str(error.value)


def test_a_file_that_is_no_file_or_no_yaml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere.yaml cannot be read: No such file"):
        read_sweep(tmp_path / "nowhere.yaml")
    (tmp_path / "torn.yaml").write_text("a: [1,")
    with pytest.raises(ConfigError, match="torn.yaml is not YAML: "):
        read_sweep(tmp_path / "torn.yaml")


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"optimizer.generator.learning_rate": {"value": 1}}, "torch.optim.Adam takes no 'learning_rate'"),
        ({"sead": {"values": [1]}}, "parameters.sead: there is no key 'sead'; did you mean seed?"),
        ({"objective": {"values": ["hinge", "hing"]}}, "objective has no choice 'hing'; did you mean hinge"),
        ({"seed": {"values": [1, -1]}}, "seed must be at least 0"),
        ({"seed": {"values": [1]}, "budget.images": {"values": [8, 0]}}, "parameters.budget.images: "),
    ],
)
def test_parameters_that_no_run_has_are_refused(
    sweep: Callable[..., SweepFile], parameters: dict, sentence: str
) -> None:
    with pytest.raises(ConfigError) as error:
        sweep(parameters=parameters).check([])
    assert sentence in str(error.value)


def test_settings_do_not_touch_what_is_swept(sweep: Callable[..., SweepFile]) -> None:
    with pytest.raises(
        ConfigError, match="seed is swept by .*sweep.yaml; it cannot be set for every trial as well"
    ):
        sweep().check(["seed=1"])
    with pytest.raises(ConfigError, match="run.name is chosen by the sweep"):
        sweep().check(["run.name=x"])


def test_ranges_are_what_wandb_means_by_them() -> None:
    def distribution(**entry: object) -> object:
        return read_parameter("a", entry).distribution()

    assert distribution(values=["x", None]) == CategoricalDistribution(("x", "None"))
    assert distribution(min=1, max=5) == IntDistribution(1, 5)
    assert distribution(min=1, max=5.0) == FloatDistribution(1, 5)
    assert distribution(distribution="log_uniform_values", min="1e-5", max=0.1) == FloatDistribution(
        1e-5, 0.1, log=True
    )
    exponents = distribution(distribution="log_uniform", min=-2, max=0.5)
    assert exponents == FloatDistribution(math.exp(-2), math.exp(0.5), log=True)
    assert distribution(distribution="q_uniform", min=0, max=1, q=0.25) == FloatDistribution(0, 1, step=0.25)


def test_values_are_written_as_an_agent_writes_them() -> None:
    mixed = read_parameter("a", {"values": [1e-05, True, None, ["r1", "r2"], "x y", 64.0]})
    assert mixed.choices == ("1e-05", "True", "None", "['r1', 'r2']", "x y", "64.0")
    assert read_parameter("a", {"min": 1, "max": 3}).grid == ("1", "2", "3")
    assert read_parameter("a", {"distribution": "q_uniform", "min": 0, "max": 0.3, "q": 0.1}).grid[:2] == (
        "0.0",
        "0.1",
    )
    logarithmic = read_parameter("a", {"distribution": "q_log_uniform_values", "min": 10, "max": 100, "q": 8})
    assert logarithmic.text(21.9) == "24.0"
    assert logarithmic.text(10.1) == "10.0"
