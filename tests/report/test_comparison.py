"""Who is ahead: only runs of one protocol, only finished ones, by the right end of the metric."""

from pathlib import Path

import pytest
from scipy import stats

from ganlab.errors import GanlabError
from ganlab.protocol import differences, identity
from ganlab.report.comparison import by_protocol, direction, group, named_metric, pairs, rankable
from ganlab.report.reading import RunRecord, read_run
from tests.report.folders import PROTOCOL, made_run

FIDS = {"hinge": [11.0, 14.0, 12.5], "minimax": [30.0, 37.0, 31.0], "wgan_gp": [13.0, 10.5, 18.0]}


@pytest.fixture
def runs(tmp_path: Path) -> list[RunRecord]:
    """Three losses by three seeds, and a fourth loss with two finished runs and a failed one."""
    for loss, fids in FIDS.items():
        for seed, fid in enumerate(fids):
            made_run(tmp_path, f"{loss}-{seed}", f"objective={loss}", f"seed={seed}", fid=(90.0, fid))
    for seed in (0, 1):
        made_run(tmp_path, f"ragan-{seed}", "objective=ragan", f"seed={seed}", fid=(80.0, 5.0 + seed))
    made_run(tmp_path, "ragan-2", "objective=ragan", "seed=2", fid=(1.0, 2.0), state="failed", reason="nan")
    return [read_run(path) for path in sorted(tmp_path.iterdir())]


def test_groups_are_ranked_by_the_mean_of_finished_runs(runs: list[RunRecord]) -> None:
    groups = group(runs, by="setting", metric="fid_digits")
    assert [g.name for g in groups] == ["ragan", "hinge", "wgan_gp", "minimax"]
    ragan, hinge = groups[:2]
    assert (ragan.mean.value, ragan.mean.n, ragan.mean.half, len(ragan.runs)) == (5.5, 2, None, 3)
    low, high = stats.t.interval(0.95, 2, loc=12.5, scale=stats.sem(FIDS["hinge"]))
    assert hinge.mean.half == pytest.approx((high - low) / 2)
    best_score = group(runs, by="loss", metric="is_digits")  # higher is better
    assert [g.name for g in best_score] == ["ragan", "hinge", "wgan_gp", "minimax"]


def test_pairs_are_paired_by_seed_and_corrected(runs: list[RunRecord]) -> None:
    found = {(p.first.name, p.second.name): p for p in pairs(group(runs, by="loss", metric="fid_digits"))}
    assert len(found) == 6
    raw = {
        key: stats.ttest_rel(FIDS[key[0]], FIDS[key[1]]).pvalue
        for key in [("hinge", "wgan_gp"), ("hinge", "minimax"), ("wgan_gp", "minimax")]
    }
    for (key, p), factor in zip(sorted(raw.items(), key=lambda item: item[1]), (3, 2, 1), strict=True):
        assert found[key].difference.test == "paired"
        assert found[key].p == pytest.approx(min(1, factor * p))
    assert found["hinge", "minimax"].verdict is True
    assert found["hinge", "wgan_gp"].verdict is False
    assert found["ragan", "hinge"].verdict is None  # two seeds
    assert found["ragan", "hinge"].difference.n == (2, 3)


def test_unlike_protocols_are_parted(tmp_path: Path) -> None:
    for name, change in {
        "a": {},
        "b": {"seed": 9, "images": 7, "checkpoint_sha256": "c0"},
        "c": {"n_fake": 50},
    }.items():
        made_run(tmp_path, name, protocol={**PROTOCOL, **change})
    made_run(tmp_path, "d", protocol=None)
    lots = by_protocol([read_run(path) for path in sorted(tmp_path.iterdir())])
    assert [[run.name for run in lot] for lot in lots] == [["a", "b"], ["c"], ["d"]]
    assert rankable(lots[0]) == {"fid_digits": "min", "is_digits": "max"}
    assert rankable(lots[2]) == {}  # a number without its protocol is not a result
    assert differences(lots[0][0].protocol, lots[1][0].protocol) == ["n_fake"]
    assert differences({"a": 1}, {"a": 1, "resize": None}) == ["resize"]
    assert identity({"x": 1, "y": [2], "seed": 3}) == identity({"y": [2], "x": 1})


def test_groups_that_mix_settings_say_so_and_are_not_paired(tmp_path: Path) -> None:
    for seed in range(3):
        made_run(tmp_path, f"a{seed}", f"seed={seed}", fid=(10.0 + seed**2,))
        made_run(tmp_path, f"b{seed}", "objective=hinge", f"seed={seed}", fid=(30.0 + 2 * seed,))
    made_run(tmp_path, "c", "seed=1", "optimizer.generator.lr=1e-4", fid=(14.0,))
    runs = [read_run(path) for path in sorted(tmp_path.iterdir())]
    first, second = group(runs, by="loss", metric="fid_digits")
    assert (first.name, first.mixes, first.mean.n, second.mixes) == ("non_saturating", True, 4, False)
    (pair,) = pairs([first, second])
    assert pair.difference.test == "Welch"
    assert pair.p == pytest.approx(stats.ttest_ind([10, 11, 14, 14], [30, 32, 34], equal_var=False).pvalue)
    by_rate = group(runs, by="optimizer.generator.lr", metric="fid_digits")
    assert [g.name for g in by_rate] == ["0.0001", "0.001"]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [("fid", "min"), ("fid_digits", "min"), ("kid", "min"), ("reverse_kl", "min"), ("jsd", "min"), ("class_distance", "min"), ("precision", "max"), ("is", "max"), ("modes", "max"),
     ("coverage_digits", "max"), ("is_std_digits", None), ("memorisation", "min"), ("certain_share", "max"), ("density_digits", "max"), ("loss/d", None)],
)  # fmt: skip
def test_directions_of_ganlabs_metrics(metric: str, expected: str | None) -> None:
    assert direction(metric, []) == expected


def test_directions_agree_with_the_evaluations(tmp_path: Path) -> None:
    for words in (["evaluation=digits"], ["data=ring", "evaluation=mixture"]):
        cfg = config_of(words)
        assert cfg.directions
        for metric, way in cfg.directions.items():
            assert direction(metric, []) == way


def config_of(words: list[str]):
    from ganlab import config

    cfg = config.compose(words)
    data = config.instantiate(cfg.data, "data")
    return config.instantiate(cfg.evaluation, "evaluation", data=data, cache=Path("unused"))


def test_a_metric_of_ones_own_is_ranked_by_where_its_best_lies(tmp_path: Path) -> None:
    folder = made_run(tmp_path, "a")
    folder.write_summary(final={"sharpness": 3.0, "noise": 4.0}, best={"sharpness": 5.0, "noise": 1.0})
    assert rankable([read_run(folder.path)]) == {"sharpness": "max", "noise": "min"}


def test_names_that_do_not_exist_are_refused(runs: list[RunRecord]) -> None:
    assert named_metric(runs, by="loss", metric="fid") == "fid_digits"
    assert named_metric(runs, by="game.n_critic", metric=None) is None
    with pytest.raises(GanlabError, match="no metric 'loss/d' to rank by; there is fid_digits, is_digits"):
        named_metric(runs, by="loss", metric="loss/d")
    with pytest.raises(GanlabError, match="no run has the key 'game.ncritic'; did you mean game.n_critic"):
        named_metric(runs, by="game.ncritic", metric=None)
