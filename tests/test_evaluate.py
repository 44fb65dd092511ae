"""Measuring what was trained: the numbers, their protocol, and what is refused."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch

import ganlab
from ganlab import config
from ganlab.cli import main
from ganlab.data import Digits
from ganlab.errors import ConfigError, EvaluationError, GanlabError
from ganlab.evaluation import ImageEvaluation, measure
from tests.conftest import TINY
from tests.pictures import pictures

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the person who runs the tests is read or written."""
    monkeypatch.setenv("GANLAB_CACHE", str(cache))


def train(root: Path, *words: str) -> ganlab.Run:
    return ganlab.train(config.compose([*TINY, f"run.root={root}", *words]))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> ganlab.Run:
    """A run that measured itself with 30 fakes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANLAB_CACHE", str(cache))
        words = ("evaluation=digits", "evaluation.n_fake=30", "ema.rampup=0.5")
        return train(tmp_path_factory.mktemp("runs"), *words)


def json_of(capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    assert main(["evaluate", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_run_measures_as_it_did_while_it_trained(
    run: ganlab.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run.evaluate()
    assert result.metrics == run.summary["final"]
    digest = hashlib.sha256(run.checkpoint.read_bytes()).hexdigest()
    assert result.protocol == {**run.summary["protocol"], "checkpoint_sha256": digest}
    assert (result.protocol["images"], result.protocol["weights_averaged"]) == (64, True)
    printed = json_of(capsys, run.path)
    assert (printed["metrics"], printed["protocol"]) == (result.metrics, result.protocol)
    assert (printed["run"], printed["checkpoint"]) == (str(run.path), str(run.checkpoint))


def test_an_older_checkpoint_and_the_raw_weights(run: ganlab.Run, capsys: pytest.CaptureFixture[str]) -> None:
    older = run.folder.list_checkpoints()[0]
    printed = json_of(capsys, older, "--metrics", "fid,coverage")
    (line,) = [line for line in run.metrics if line["images"] == 32 and "eval/fid_digits" in line]
    assert printed["metrics"] == {name: line[f"eval/{name}"] for name in ("fid_digits", "coverage_digits")}
    assert printed["protocol"]["images"] == 32
    raw = json_of(capsys, older, "--raw")
    assert raw["protocol"]["weights_averaged"] is False
    assert raw["metrics"]["fid_digits"] != printed["metrics"]["fid_digits"]


def test_double_precision_is_kept(tmp_path: Path) -> None:
    run = train(tmp_path, "evaluation=digits", "evaluation.n_fake=20", "trainer.precision=64-true")
    assert run.generator().input[0].weight.dtype == torch.float64
    assert run.evaluate().metrics == run.summary["final"]


def test_points(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["data=ring", "evaluation.n_fake=50", "data.n=200"]
    kept = [word for word in TINY if "width" not in word and not word.startswith(("data.res", "evaluation="))]
    run = ganlab.train(config.compose([*kept, *words, f"run.root={tmp_path}"]))
    assert run.evaluate().metrics == run.summary["final"]
    assert main(["evaluate", str(run.path), "--metrics", "modes"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == [
        "modes",
        str(int(run.evaluate().metrics["modes"])),
    ]
    assert main(["evaluate", str(run.path), "evaluation=digits"]) == 1
    assert "data=ring is points: evaluation=mixture" in capsys.readouterr().err
    assert main(["evaluate", "--samples", str(run.path), "--reference", str(run.path)]) == 1
    assert f"{run.path} is a run, not a folder of images: ganlab evaluate" in capsys.readouterr().err


def test_another_evaluation_on_top_of_the_runs(run: ganlab.Run, tmp_path: Path) -> None:
    (tmp_path / "evaluation").mkdir()
    mine = "# Mine\n_target_: ganlab.evaluation.ImageEvaluation\nextractor: digits\nn_fake: 25\nevery: 5\n"
    (tmp_path / "evaluation" / "mine.yaml").write_text(mine)
    own = run.evaluate(["evaluation=mine", "evaluation.seed=3"], config_dir=[tmp_path], metrics=["is"])
    assert (own.protocol["n_fake"], own.protocol["seed"]) == (25, 3)
    assert list(own.metrics) == ["is_digits", "is_std_digits"]
    with pytest.raises(EvaluationError, match=r"evaluation\.weights: there is no file nowhere\.pt"):
        run.evaluate(["evaluation=inception", "evaluation.weights=nowhere.pt"])


def test_a_run_before_its_first_checkpoint(
    run: ganlab.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(run.path, tmp_path / "copy")
    moved = json_of(capsys, copy, "evaluation.n_fake=20")
    assert moved["run"] == str(copy)
    shutil.rmtree(copy / "checkpoints")
    assert main(["evaluate", str(copy)]) == 1
    assert capsys.readouterr().err == f"ganlab: the run {copy} has no checkpoint yet\n"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ([], 2, "evaluate needs a run, or two folders: --samples DIR --reference DIR"),
        (["--samples", "a"], 2, "two folders: --samples DIR --reference DIR"),
        (["RUN", "--samples", "a"], 2, "a run, or --samples and --reference, not both"),
        (["--samples", "a", "--reference", "b", "--raw"], 2, "--raw is about a run's weights"),
        (["RUN", "--metrics", "fid,,is"], 2, "must be names with commas between them, got 'fid,,is'"),
        (["RUN", "--metrics", "fdi"], 1, "has no metric 'fdi'; did you mean fid?"),
        (["RUN", "--metrics", "zzz"], 1, "has no metric 'zzz'; there is fid_digits, is_digits"),
        (["RUN", "evaluation=none"], 1, "measures nothing; choose one, such as evaluation=inception"),
        (["RUN", "evaluation=incepton"], 1, "did you mean inception?"),
        (["RUN", "evaluation=mixture"], 1, "data=digits is not one"),
        (["RUN", "evaluation.n_fake=1"], 1, "evaluation.n_fake must be at least 2, got 1"),
        (["RUN", "evaluation.nfake=5"], 1, "takes no 'nfake'; did you mean n_fake?"),
        (
            ["RUN", "objective=hinge"],
            1,
            "objective is part of what the run is; an evaluation takes evaluation=",
        ),
        (["RUN", "--device", "tpu9"], 1, "there is no device 'tpu9' here"),
        (["RUN", "--truncation", "0"], 2, "--truncation: must be a number above 0, got '0'"),
        (["RUN", "--batch-norm", "mean"], 1, "batch_norm must be running, batch or standing:N, got 'mean'"),
        (["RUN", "--n", "0"], 1, "evaluation.n_fake must be at least 2, got 0"),
        (["RUN", "--reference", "a"], 2, "a run is measured against its own data"),
        (["no/such/run"], 1, "no/such/run is not a run"),
        (["--samples", "a", "--reference", "no/b"], 1, "there is no folder and no zip"),
    ],
)
def test_refusals(
    words: list[str], code: int, says: str, run: ganlab.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *[str(run.path) if word == "RUN" else word for word in words]]) == code
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert says in err


def test_data_that_moved_are_found_where_the_words_say(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "here", 20, size=8)
    run = train(tmp_path, "data=folder", f"data.root={folder}", "evaluation=digits", "evaluation.n_fake=20")
    moved = folder.rename(tmp_path / "there")
    with pytest.raises(GanlabError, match="there is no folder and no zip"):
        run.evaluate()
    result = run.evaluate([f"data.root={moved}"])
    assert result.metrics == run.summary["final"]
    assert result.protocol["reference_sha256"] == run.summary["protocol"]["reference_sha256"]
    with pytest.raises(ConfigError, match=r"^data\.resolution is part of what the run is"):
        run.evaluate(["data.resolution=16"])


def test_names_are_known_before_measuring(run: ganlab.Run, tmp_path: Path) -> None:
    evaluation = ImageEvaluation(data=Digits(), cache=tmp_path)
    assert set(evaluation.standard) == set(run.summary["final"])
    asked = []
    with pytest.raises(EvaluationError, match="no metric 'kit'"):
        measure(evaluation, lambda seed: asked.append(seed), metrics=["kit"], device="cpu")  # type: ignore[arg-type, func-returns-value]
    assert asked == []
