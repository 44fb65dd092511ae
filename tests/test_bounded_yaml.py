"""YAML that would grow without end is refused before it is built; what people write is read as ever."""

from pathlib import Path

import pytest
import yaml

from ganlab import config
from ganlab.config import bounded_yaml
from ganlab.errors import ConfigError


def bomb(levels: int) -> str:
    """Ten to the power of `levels` values in a few lines."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, levels)]
    return "\n".join(lines)


def chain(length: int) -> str:
    """Aliases each one level deeper than the one before, and no wider."""
    return "a0: &a0 [x]\n" + "\n".join(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, length))


HOSTILE = {
    "bomb": (bomb(9), "it has more than 10,000 values"),
    "itself": ("run: &a\n  b: [*a]\n", "\\*a contains itself"),
    "merged into itself": ("run: &a\n  <<: *a\n", "\\*a contains itself"),
    "deep list": ("run: " + "[" * 5000, "it nests more than 32 levels deep"),
    "deep mapping": ("".join(" " * i + "a:\n" for i in range(100)), "it nests more than 32 levels deep"),
    "deep by aliases": (chain(100), "it nests more than 32 levels deep"),
    "wide": ("a: [" + "1," * 20_000 + "]", "it has more than 10,000 values"),
    "long": ("a: " + "x" * 2_000_000, "it has more than 1,000,000 characters"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_grows_without_end_is_refused(name: str, tmp_path: Path) -> None:
    text, why = HOSTILE[name]
    with pytest.raises(bounded_yaml.UnboundedError, match=why):
        bounded_yaml.load(text)
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ConfigError, match=f"config.yaml is not a configuration of ganlab: {why}"):
        config.load(tmp_path / "config.yaml")


def test_just_within_the_bounds() -> None:
    assert bounded_yaml.load("[" * 32 + "]" * 32)
    with pytest.raises(bounded_yaml.UnboundedError):
        bounded_yaml.load("[" * 33 + "]" * 33)
    inner = bounded_yaml.load(chain(31))["a30"]  # below the mapping, 31 lists
    for _ in range(31):
        (inner,) = inner
    assert inner == "x"
    with pytest.raises(bounded_yaml.UnboundedError):
        bounded_yaml.load(chain(32))
    assert len(bounded_yaml.load("[" + "1," * 9_998 + "1]")) == 9_999  # and the list itself
    with pytest.raises(bounded_yaml.UnboundedError):
        bounded_yaml.load("[" + "1," * 9_999 + "1]")


def test_aliases_that_a_person_writes_are_read() -> None:
    text = "g: &adam {lr: 0.1, betas: [0.0, 0.9]}\nd: *adam\ne: {<<: *adam, lr: 0.2}\nn: &one 1\nm: *one\n"
    adam = {"lr": 0.1, "betas": [0.0, 0.9]}
    assert bounded_yaml.load(text) == {"g": adam, "d": adam, "e": {**adam, "lr": 0.2}, "n": 1, "m": 1}
    with pytest.raises(yaml.YAMLError, match="undefined alias"):
        bounded_yaml.load("a: *nobody")


def test_a_saved_configuration_is_far_within(tmp_path: Path) -> None:
    cfg = config.compose(["experiment=digits"])
    path = tmp_path / "config.yaml"
    path.write_text(config.to_yaml(cfg))
    assert config.load(path) == cfg
    assert bounded_yaml.load(path.read_text()) == config.to_dict(cfg)
