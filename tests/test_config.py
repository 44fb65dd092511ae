"""Words become a configuration, or one sentence that says why not."""

from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from omegaconf import OmegaConf

from ganlab import config
from ganlab.config.groups import shipped
from ganlab.config.schema import leaves
from ganlab.config.values import MismatchError, conform, parse
from ganlab.errors import ConfigError

NO_EVALUATION = "evaluation=none"


def select(cfg: Any, key: str) -> Any:
    value = OmegaConf.select(cfg, key)
    return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value


def refusal(*words: str, config_dir: Path | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        config.validate(config.compose(words, [config_dir] if config_dir else None))
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's own YAML and class, in a folder whose name has a space, an apostrophe, a comma and an =."""
    folder = tmp_path / "it's mine=a, b"
    (folder / "objective").mkdir(parents=True)
    (folder / "experiment").mkdir()
    (folder / "own_losses.py").write_text(
        "from typing import Literal\n"
        "class Inner:\n"
        "    def __init__(self, *, size: int):\n"
        "        if size > 7: raise ValueError(f'size must be at most 7, got {size}')\n"
        "        self.size = size\n"
        "class Mine:\n"
        "    def __init__(self, *, margin: float, kind: Literal['soft', 'hard'] = 'soft', \n"
        "                 inner: Inner | None = None, steps: int = None, spare: tuple[int, ...] = (),\n"
        "                 flag: bool = False, label: str = 'x'):\n"
        "        if margin < 0: raise ValueError(f'margin must be at least 0, got {margin}')\n"
        "        if margin == 5: raise TypeError('five is right out')\n"
        "        self.margin, self.kind, self.inner, self.spare = margin, kind, inner, spare\n"
    )
    (folder / "objective" / "mine.yaml").write_text("# My own\n_target_: own_losses.Mine\nmargin: 2\n")
    monkeypatch.syspath_prepend(str(folder))
    return folder


# What `f"{key}={value}"` makes of Python values, as W&B's ${args_no_hyphens} does.
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("optimizer.generator.lr", 1e-05),
        ("optimizer.discriminator.betas", [0.0, 0.9]),
        ("optimizer.generator", {"_target_": "torch.optim.SGD", "lr": 0.25, "nesterov": False}),
        ("network.spectral_norm", True),
        ("run.name", None),
        ("checkpoint.every", None),
        ("run.name", "two words, and a comma"),
        ("run.notes", "it's a=b ~/x é 'quoted' \"twice\" [not] {a: list}"),
        ("run.notes", "True"),
        ("run.notes", "3 # three"),
        ("run.name", "007"),
        ("run.name", "1e-05"),
        ("run.tags", ["it's", "a=b", "x, y", "ü"]),
        ("run.root", "~/my runs"),
        ("network.discriminator.activation", "it's a=b ~/x é"),
        ("seed", 17),
    ],
)
def test_python_values_arrive_as_they_were(key: str, value: Any) -> None:
    arrived = select(config.compose([f"{key}={value}"]), key)
    assert arrived == value
    assert type(arrived) is type(value)


@pytest.mark.parametrize(
    ("word", "key", "value"),
    [
        ("data.batch_size=48.0", "data.batch_size", 48),
        ("budget.images=1e6", "budget.images", 1_000_000),
        ("budget.images=1_500", "budget.images", 1_500),
        ("ema.half_life=500", "ema.half_life", 500.0),
        ("network.spectral_norm=true", "network.spectral_norm", True),
        ("checkpoint.every=null", "checkpoint.every", None),
        ("run.tags=[a, 'b, c']", "run.tags", ["a", "b, c"]),
        ("run.name='5'", "run.name", "5"),
        ("run.name=", "run.name", ""),
        ("optimizer={'generator': {'lr': 0.003}}", "optimizer.generator.lr", 0.003),
        ("optimizer={'generator': {'lr': 0.003}}", "optimizer.generator.betas", [0.0, 0.99]),
        ("data={'batch_size': 12}", "data.batch_size", 12),
        ("trainer.devices=[0,2]", "trainer.devices", [0, 2]),
        ("trainer.devices=auto", "trainer.devices", "auto"),
    ],
)
def test_what_people_write(word: str, key: str, value: Any) -> None:
    arrived = select(config.compose([word]), key)
    assert arrived == value
    assert type(arrived) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[a,None,1e-05,true,'x,y',[2,b],it's]", ["a", None, 1e-05, True, "x,y", [2, "b"], "it's"]),
        ("(0.0, 0.9)", [0.0, 0.9]),
        ("{a: 1, 'b c': [x]}", {"a": 1, "b c": ["x"]}),
        ("[]", []),
        ("[a, b", "[a, b"),
        ("[a]]", "[a]]"),
        ("{a}", "{a}"),
        ("'a' and 'b'", "'a' and 'b'"),
        ("r'x'", "r'x'"),
        ("2024-10-01", "2024-10-01"),
        ("yes", "yes"),
        ("nan", "nan"),
        ("-.5", -0.5),
        ("+3", 3),
        (" 3 ", 3),
        ("3 apples", "3 apples"),
    ],
)
def test_parse(text: str, value: Any) -> None:
    assert parse(text) == value
    assert type(parse(text)) is type(value)


@pytest.mark.parametrize(
    ("words", "penalties"),
    [
        ([], ["r1"]),
        (["penalty=['r1', 'r2']"], ["r1", "r2"]),
        (["penalty=[r2,gradient_penalty]"], ["r2", "gradient_penalty"]),
        (["penalty=r2"], ["r2"]),
        (["penalty=None"], []),
        (["penalty=null"], []),
        (["penalty=[]"], []),
        (["objective=wgan"], []),
        (["objective=wgan_gp"], ["gradient_penalty"]),
        (["objective=wgan_gp", "penalty=[r1,r2]"], ["r1", "r2"]),
        (["penalty=[r2]", "objective=wgan"], ["r2"]),
        (["objective=wgan_gp", "objective=hinge"], []),
        (["penalty=[]", "penalty=[r1]"], ["r1"]),
    ],
)
def test_penalties_of_the_recipe_unless_the_user_says_otherwise(
    words: list[str], penalties: list[str]
) -> None:
    assert list(config.compose(words).penalty) == penalties


def test_recipes() -> None:
    wgan = config.compose(["objective=wgan"])
    assert wgan.optimizer.generator == {"_target_": "torch.optim.RMSprop", "lr": 5e-5}
    assert (wgan.game.n_critic, wgan.constraint.clip.bound) == (5, 0.01)
    gp = config.compose(["objective=wgan_gp", "game.n_critic=3", "optimizer.generator.lr=0.5"])
    assert (gp.game.n_critic, gp.optimizer.generator.lr, gp.optimizer.discriminator.lr) == (3, 0.5, 1e-4)
    assert gp.optimizer.generator.betas == [0.0, 0.9]
    assert gp.constraint == {}
    hinge = config.compose(["objective=hinge"])
    assert hinge.network.discriminator.spectral_norm is True
    assert not config.compose().network.spectral_norm
    ring = config.compose(["experiment=ring", "network/discriminator=dcgan", "evaluation=None"])
    assert ring.network.generator._target_ == "ganlab.networks.MLPGenerator"
    assert ring.network.discriminator._target_ == "ganlab.networks.DCGANDiscriminator"
    assert ring.evaluation._target_ == "ganlab.evaluation.NoEvaluation"
    assert ring.data._target_ == "ganlab.data.Ring"
    assert (
        config.compose(["data=ring", "optimizer=rmsprop", "objective=wgan_gp"]).optimizer.generator.lr == 1e-4
    )


@pytest.mark.parametrize("group", [group for group in config.choices() if group != "penalty"])
def test_every_shipped_choice_agrees_with_its_constructor(group: str) -> None:
    for choice in config.choices()[group]:
        cfg = config.compose([f"{group}={choice}"])
        config.validate(cfg)
        assert config.description(config.choices()[group][choice]), (
            f"{group}/{choice}.yaml has no description"
        )


def test_every_penalty_agrees_with_its_constructor() -> None:
    names = list(config.choices()["penalty"])
    cfg = config.compose([f"penalty={names}"])
    config.validate(cfg)
    assert list(cfg.penalty) == names


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("buget.images=5", ["'buget.images'", "did you mean budget.images"]),
        ("budget.imgs=5", ["'budget.imgs'", "budget.images"]),
        ("batch_size=5", ["data.batch_size"]),
        ("lr=5", ["optimizer.generator.lr or optimizer.discriminator.lr"]),
        ("objectives=wgan", ["did you mean objective"]),
        ("objective=wgan_pg", ["'wgan_pg'", "did you mean wgan_gp", "non_saturating"]),
        ("objective=[wgan,hinge]", ["objective takes one choice"]),
        ("objective=None", ["objective has no choice 'None'"]),
        ("penalty=[r1,r7]", ["'r7'", "gradient_penalty, one_centred, r1, r2"]),
        ("penalty.r2.gamma=3", ["no penalty 'r2'", "it has: r1"]),
        ("constraint.clip.bound=3", ["no constraint 'clip'", "none"]),
        ("network=[a", ["network has no choice"]),
        ("network.generator=mlp", ["network.generator is a section"]),
        ("seed.x=3", ["seed is a value"]),
        ("+seed=3", ["without + or ~"]),
        ("~seed=", ["without + or ~"]),
        ("=5", ["is not the name of a key"]),
        ("data.batch_size=0", ["data.batch_size must be at least 1, got 0"]),
        ("data.batch_size=-4", ["data.batch_size must be at least 1, got -4"]),
        ("data.batch_size=many", ["data.batch_size must be a whole number, got 'many'"]),
        ("data.batch_size=2.5", ["data.batch_size must be a whole number, got '2.5'"]),
        ("data.batch_size=True", ["data.batch_size must be a whole number, got 'True'"]),
        ("data.batch_size=None", ["data.batch_size must be a whole number, got 'None'"]),
        ("budget.images=1e999", ["budget.images must be a whole number"]),
        ("ema.half_life=-1", ["ema.half_life must be at least 0, got -1.0"]),
        ("ema.half_life=1e999", ["ema.half_life must be"]),
        ("ema.half_life=nan", ["ema.half_life must be a number, got 'nan'"]),
        ("game.n_critic=0", ["game.n_critic must be at least 1, got 0"]),
        ("game.order=d_frist", ["d_first, g_first, simultaneous", "did you mean d_first"]),
        ("trainer.precision=32", ["32-true, 64-true, bf16-mixed, 16-mixed"]),
        ("trainer.devices=0", ["trainer.devices must be", "got 0"]),
        ("trainer.devices=[0,-1]", ["trainer.devices must be"]),
        ("run.name=../elsewhere", ["run.name must be the name of a folder"]),
        ("run.tags=one", ["run.tags must be a list, got 'one'"]),
        ("run.notes=costs ${price}", ["run.notes", "price"]),
        ("network.spectral_norm=maybe", ["network.spectral_norm must be true or false"]),
        ("optimizer.generator.lr=0", ["optimizer.generator.lr must be above 0, got 0"]),
        ("optimizer.generator.lr=fast", ["optimizer.generator.lr must be a number, got 'fast'"]),
        ("optimizer.generator.betas=[0.5,1]", ["optimizer.generator.betas must be", "below 1"]),
        ("optimizer.generator.betas=[0.5]", ["optimizer.generator.betas must be a list of 2"]),
        ("optimizer.generator.betas=0.5", ["optimizer.generator.betas must be a list"]),
        ("optimizer.generator.beta=[0.5,1]", ["takes no 'beta'", "did you mean betas"]),
        ("optimizer.generator.amsgrad=1", ["optimizer.generator.amsgrad must be true or false, got 1"]),
        ("optimizer.generator.params=[]", ["optimizer.generator.params", "cannot be set"]),
        ("network.generator.latent_dim=5", ["network.generator.latent_dim", "cannot be set"]),
        ("network.generator.widht=64", ["network.generator.widht", "did you mean width"]),
        ("network.generator.width=wide", ["network.generator.width must be a whole number, got 'wide'"]),
        ("penalty.r1.gama=3", ["penalty.r1.gama", "did you mean gamma"]),
        ("penalty.r1.gamma=1e999", ["penalty.r1.gamma must be a finite number, got inf"]),
        ("penalty.r1.gamma=" + "9" * 400, ["penalty.r1.gamma must be a finite number, got 999"]),
        ("optimizer.generator.lr=-1e999", ["optimizer.generator.lr must be a finite number"]),
        ("objective._target_=ganlab.objectives.Hings", ["has no 'Hings'", "did you mean Hinge"]),
        ("objective._target_=no_such_module.Hinge", ["there is no module no_such_module"]),
        ("objective._target_=Hinge", ["must be the dotted name of a class"]),
        ("objective._target_=math.pi", ["math.pi is not a class"]),
        ("penalty.r1={'_target_': 'ganlab.penalties.R1'}", ["penalty.r1.gamma is missing"]),
    ],
)
def test_refused_in_one_sentence(word: str, parts: list[str]) -> None:
    sentence = refusal(word, NO_EVALUATION)
    assert [part for part in parts if part not in sentence] == [], sentence


@pytest.mark.parametrize("objective", config.choices()["objective"])
def test_no_objective_swallows_an_argument_that_it_does_not_take(objective: str) -> None:
    sentence = refusal(f"objective={objective}", "objective.no_such=1", NO_EVALUATION)
    assert "takes no 'no_such'; it takes " in sentence


@pytest.mark.parametrize(
    ("objective", "argument"),
    [("ebgan", "margin"), ("gls_gan", "slope"), ("began", "lambda_k"), ("least_squares", "c")],
)
def test_no_objective_takes_an_infinite_number(objective: str, argument: str) -> None:
    sentence = refusal(f"objective={objective}", f"objective.{argument}=-1e999", NO_EVALUATION)
    assert sentence.startswith(f"objective.{argument} must be a finite number")


def test_arguments_that_the_yaml_does_not_list() -> None:
    cfg = config.compose(
        [NO_EVALUATION, "optimizer.generator.weight_decay=0.25", "optimizer.generator.amsgrad=True"]
    )
    config.validate(cfg)
    assert cfg.optimizer.generator.weight_decay == 0.25
    assert cfg.optimizer.generator.amsgrad is True
    cfg = config.compose(
        [NO_EVALUATION, "penalty.extra._target_=ganlab.penalties.R2", "penalty.extra.gamma=3"]
    )
    config.validate(cfg)
    assert cfg.penalty.extra.gamma == 3.0
    assert list(cfg.penalty) == ["r1", "extra"]


def test_whole_floats_become_ints_where_the_constructor_wants_them() -> None:
    cfg = config.compose([NO_EVALUATION, "network.generator.width=32.0", "penalty.r1.interval=8.0"])
    config.validate(cfg)
    assert type(cfg.network.generator.width) is int
    assert type(cfg.penalty.r1.interval) is int
    assert (cfg.network.generator.width, cfg.penalty.r1.interval) == (32, 8)
    assert OmegaConf.is_interpolation(cfg.network.discriminator, "spectral_norm")


def test_a_configuration_changed_by_hand_is_checked_too() -> None:
    cfg = config.compose([NO_EVALUATION])
    cfg.data.batch_size = 0
    with pytest.raises(ConfigError, match=r"data\.batch_size must be at least 1"):
        config.validate(cfg)
    OmegaConf.set_struct(cfg, False)
    del cfg.data["batch_size"]
    with pytest.raises(ConfigError, match=r"data\.batch_size is missing"):
        config.validate(cfg)


# ---- the user's own configs and classes


def test_own_configs_and_classes(own_folder: Path) -> None:
    words = [
        "objective=mine",
        "objective.kind=hard",
        "objective.spare=[3,4.0]",
        "objective.label=2024",
        NO_EVALUATION,
    ]
    cfg = config.compose(words, [own_folder])
    config.validate(cfg)
    assert cfg.objective.label == "2024"
    assert cfg.objective.spare == [3, 4]
    assert type(cfg.objective.spare[1]) is int
    mine = config.instantiate(cfg.objective, "objective")
    assert (type(mine).__name__, mine.margin, mine.kind, mine.spare) == ("Mine", 2, "hard", [3, 4])
    cfg = config.compose(
        ["objective=mine", "objective.inner={'_target_': own_losses.Inner, size: 3}"], [own_folder]
    )
    assert config.instantiate(cfg.objective, "objective").inner.size == 3


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("objective.kind=medium", ["objective.kind must be one of soft, hard, got 'medium'"]),
        ("objective.inner=3", ["objective.inner must be", "got 3"]),
        ("objective.inner={'_target_': own_losses.Inner}", ["objective.inner.size is missing"]),
        (
            "objective.inner={'_target_': own_losses.Inner, size: big}",
            ["objective.inner.size must be a whole number"],
        ),
        ("objective.inner={'_target_': own_losses.Iner, size: 3}", ["objective.inner._target_", "Inner"]),
        ("objective.steps=x", ["objective.steps must be a whole number, got 'x'"]),
        ("objective.label=2024.10", ["objective.label must be text"]),
        ("objective.flag=0", ["objective.flag must be true or false, got 0"]),
        ("objective.spare=[1,x]", ["objective.spare must be a list whose elements are each a whole number"]),
    ],
)
def test_own_arguments_refused(own_folder: Path, word: str, parts: list[str]) -> None:
    sentence = refusal("objective=mine", word, NO_EVALUATION, config_dir=own_folder)
    assert [part for part in parts if part not in sentence] == [], sentence


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("objective.margin=-1", "objective.margin must be at least 0, got -1.0"),
        ("objective.margin=5", "objective: five is right out"),
        (
            "objective.inner={'_target_': own_losses.Inner, size: 9}",
            "objective.inner: size must be at most 7, got 9",
        ),
    ],
)
def test_what_a_constructor_refuses_names_the_key(own_folder: Path, word: str, sentence: str) -> None:
    cfg = config.compose(["objective=mine", word, NO_EVALUATION], [own_folder])
    config.validate(cfg)
    with pytest.raises(ConfigError) as caught:
        config.instantiate(cfg.objective, "objective")
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("yaml", "parts"),
    [
        ("# @package _global_\nbudgett: {images: 3}", ["experiment/x.yaml", "'budgett'", "budget"]),
        ("# @package _global_\ngame: {n_critics: 3}", ["'game.n_critics'", "game.n_critic"]),
        ("# @package _global_\nbudget: {images: lots}", ["experiment/x.yaml", "budget.images", "lots"]),
        ("# @package _global_\nbudget: {images: [", ["x.yaml", "line"]),
        ("# @package _global_\ngame: 3", ["experiment/x.yaml", "GameConfig"]),
        ("# @package _global_\ndefaults: [override /objective: wgann]", ["'wgann'", "did you mean wgan"]),
        ("# @package _global_\ndefaults: [override /objectiv: wgan]", ["experiment/x.yaml", "objectiv"]),
        (
            "# words first\n# @package _global_\ngame: {n_critic: 3}",
            ["must begin with '# @package _global_'"],
        ),
    ],
)
def test_own_yaml_refused(own_folder: Path, yaml: str, parts: list[str]) -> None:
    (own_folder / "experiment" / "x.yaml").write_text(yaml + "\n")
    sentence = refusal("experiment=x", config_dir=own_folder)
    assert [part for part in parts if part not in sentence] == [], sentence


def test_own_yaml_may_not_hide_behind_a_shipped_one(own_folder: Path) -> None:
    (own_folder / "objective" / "hinge.yaml").write_text("_target_: own_losses.Mine\nmargin: 1\n")
    assert "hinge.yaml" in refusal("objective=hinge", config_dir=own_folder)
    assert "is not a folder" in refusal(config_dir=own_folder / "nowhere")


# ---- objects, files, differences


def test_instantiate_passes_what_yaml_cannot_hold_without_copying_it() -> None:
    cfg = config.compose(["optimizer.generator.lr=0.125"])
    weights = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    optimizer = config.instantiate(cfg.optimizer.generator, "optimizer.generator", params=[weights])
    assert isinstance(optimizer, torch.optim.Adam)
    assert optimizer.param_groups[0]["params"][0] is weights
    assert optimizer.param_groups[0]["lr"] == 0.125
    assert tuple(optimizer.param_groups[0]["betas"]) == (
        0.0,
        0.99,
    )


def test_instantiate_keeps_ganlabs_own_keys_from_the_constructor() -> None:
    cfg = config.compose(["data.resolution=8", NO_EVALUATION])
    assert config.instantiate(cfg.data, "data").shape == (1, 8, 8)
    assert cfg.data.batch_size > 0
    assert "every" in cfg.evaluation
    config.instantiate(cfg.evaluation, "evaluation", data=None, cache=None)


def test_interpolations_follow_the_user() -> None:
    cfg = config.compose(["network.spectral_norm=True"])
    assert cfg.network.discriminator.spectral_norm is True
    assert "${" in str(cfg.network.discriminator) or "${" not in config.to_yaml(cfg)


def test_yaml_round_trip(tmp_path: Path) -> None:
    cfg = config.compose(
        ["run.notes=it's: a=b # é", "optimizer.generator.lr=1e-05", "objective=wgan", "run.name='7'"]
    )
    path = tmp_path / "config.yaml"
    path.write_text(config.to_yaml(cfg), encoding="utf-8")
    loaded = config.load(path)
    assert config.to_dict(loaded) == config.to_dict(cfg)
    assert loaded.run.notes == "it's: a=b # é"
    assert config.difference(cfg, loaded) == []
    again = config.load(path, ["budget.images=7.0"])
    assert again.budget.images == 7
    with pytest.raises(ConfigError, match="objective cannot be chosen again"):
        config.load(path, ["objective=hinge"])
    path.write_text("seed: 0\nsurprise: 3\n")
    with pytest.raises(ConfigError, match=r"is not a configuration of ganlab: .*surprise"):
        config.load(path)
    path.write_text(config.to_yaml(cfg) + "old_section: 1\n")
    with pytest.raises(ConfigError, match="old_section"):
        config.load(path)
    path.write_bytes(b"\x80\x02}q\x00")
    with pytest.raises(ConfigError, match="is not a configuration of ganlab"):
        config.load(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load(tmp_path / "nowhere.yaml")


def test_difference() -> None:
    old = config.compose()
    free = [
        "budget.images=5",
        "trainer=cpu",
        "run.name=x",
        "wandb.mode=disabled",
        "log.every=7",
        "checkpoint.keep=9",
    ]
    assert config.difference(old, config.compose(free)) == []
    changed = ["objective=hinge", "data.batch_size=3", "optimizer.generator.betas=[0.5,0.99]"]
    assert config.difference(old, config.compose(changed)) == [
        "data.batch_size",
        "network.discriminator.spectral_norm",
        "network.spectral_norm",
        "objective._target_",
        "objective.real_label",
        "optimizer.generator.betas",
        "penalty.r1._target_",
        "penalty.r1.gamma",
        "penalty.r1.interval",
    ]


def test_compose_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    monkeypatch.chdir(tmp_path)
    first = config.compose(["seed=3"])
    assert not GlobalHydra.instance().is_initialized()
    assert list(tmp_path.iterdir()) == []
    with initialize_config_dir(str(shipped()), version_base="1.3"):
        assert config.compose(["seed=3"]) == first
        assert hydra_compose("train", ["seed=4"]).seed == 4


def test_defaults_satisfy_the_schema() -> None:
    cfg = config.compose()
    missing = [key for key in leaves() if OmegaConf.select(cfg, key, default=...) is ...]
    assert missing == []
    assert len(leaves()) > 30


@pytest.mark.parametrize(
    ("value", "annotation", "fits"),
    [
        (3, float, 3.0),
        (3.0, int, 3),
        (3.0, int | float, 3.0),
        (None, int | None, None),
        ("x", int | str, "x"),
        (7, str | int, 7),
        (7, str, "7"),
        ("a", Literal["a", 2], "a"),
        ([1, 2.0], tuple[int, float], [1, 2.0]),
        ({"_target_": "x.Y"}, torch.nn.Module, {"_target_": "x.Y"}),
        (0.5, float | torch.Tensor, 0.5),
        ("p", Path | None, "p"),
        ({"a": 1}, dict[str, int], {"a": 1}),
        ("anything", Any, "anything"),
    ],
)
def test_conform(value: Any, annotation: Any, fits: Any) -> None:
    result = conform(value, annotation)
    assert result == fits
    assert type(result) is type(fits)


@pytest.mark.parametrize(
    ("value", "annotation", "says"),
    [
        (True, int, "a whole number"),
        (True, float, "a number"),
        (3.5, int, "a whole number"),
        ("3", int | None, "a whole number or null"),
        (None, float, "a number"),
        (2.0, Literal["a", 2], "one of a, 2"),
        ([1], tuple[int, int], "a list of 2"),
        (["x"], list[float], "a list whose elements are each a number"),
        ("relu", torch.nn.Module, "an object, given as a mapping with a _target_"),
        ("fast", float | torch.Tensor, "a number"),
        (2.5, str, "text"),
    ],
)
def test_conform_refuses(value: Any, annotation: Any, says: str) -> None:
    with pytest.raises(MismatchError) as caught:
        conform(value, annotation)
    assert str(caught.value) == says


def test_thresholds_of_another_version_do_not_lock_a_run_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cfg = config.compose()
    path = tmp_path / "config.yaml"
    saved = config.to_dict(cfg)
    saved["health"] |= {"of_old": 0.5, "warmup": 0.2}
    path.write_text(OmegaConf.to_yaml(OmegaConf.create(saved)))
    loaded = config.load(path)
    assert loaded.health.warmup == 0.2
    assert "of_old" not in loaded.health
    assert config.to_dict(config.load(path)) == config.to_dict(loaded)
    assert caplog.text.count("ignoring health.of_old, which this version of ganlab does not know") == 1
    saved["game"] |= {"of_old": 0.5}
    path.write_text(OmegaConf.to_yaml(OmegaConf.create(saved)))
    with pytest.raises(ConfigError, match="of_old"):
        config.load(path)
