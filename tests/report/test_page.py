"""The page in a real browser: it draws without an error or a request, sorts, groups, and takes text for text."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from ganlab import cli
from ganlab.images import save_grid
from ganlab.report.comparison import by_protocol, group, pairs
from ganlab.report.finding import find_runs
from ganlab.report.reading import read_runs
from ganlab.report.tables import with_half
from ganlab.runs import RunFolder
from tests.chromium import EXECUTABLE, Chromium
from tests.report.damage import damaged_runs
from tests.report.folders import PROTOCOL, made_run, selection

FIDS = {"hinge": [11.0, 14.0, 12.5], "minimax": [30.0, 37.0, 31.0], "wgan_gp": [13.0, 10.5, 18.0]}
HOSTILE = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"
HOSTILE_NAME = "<b onmouseover=alert(1)>bold"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine runs that finished, one that failed, one half deleted, and two of another protocol."""
    root = tmp_path_factory.mktemp("page") / "runs"
    for number, (loss, fids) in enumerate(FIDS.items()):
        for seed, fid in enumerate(fids):
            made_run(
                root,
                f"{loss}-{seed}",
                f"objective={loss}",
                f"seed={seed}",
                fid=(90.0, 40.0 + 10 * number + seed, fid),
                grids=True,
            )
    made_run(
        root,
        HOSTILE_NAME,
        "objective=ragan",
        "seed=0",
        f'run.notes="{HOSTILE}"',
        fid=(50.0, 5.0, 4.0),
        state="failed",
        reason=HOSTILE,
    )
    (
        made_run(root, "torn", "objective=ragan", "seed=1", fid=(50.0,), state="running").path / "config.yaml"
    ).unlink()
    ill = {
        "rule": "mode_collapse",
        "sentence": "all alike",
        "remedy": "another loss",
        "first_images": 1000,
        "last_images": 2000,
    }
    RunFolder(root / "wgan_gp-1").write_summary(health=[ill, {"rule": "torn"}])
    for seed in (0, 1):
        made_run(root, f"few-{seed}", f"seed={seed}", fid=(2.0, 1.0), protocol={**PROTOCOL, "n_fake": 50})
    return root


@pytest.fixture(scope="module")
def page(runs: Path) -> Path:
    path = runs.parent / "report.html"
    assert cli.main(["report", str(runs), "--out", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    if EXECUTABLE is None:
        pytest.skip("there is no Chromium here to open the page in (Debian: apt-get install chromium)")
    chromium = Chromium(tmp_path_factory.mktemp("profile"))
    yield chromium
    chromium.close()


@pytest.fixture
def shown(browser: Chromium, page: Path) -> Iterator[Chromium]:
    """The page, freshly opened and all of it in sight; no test may leave an error or a request behind."""
    browser.open(page)
    browser.call(
        "Emulation.setDeviceMetricsOverride", width=1400, height=9000, deviceScaleFactor=1, mobile=False
    )
    browser.wait("document.querySelectorAll('section .body:empty').length === 0")
    yield browser
    assert browser.errors == []
    assert browser.requests == [page.as_uri()]


def column(browser: Chromium, table: str, number: int) -> list[str]:
    cells = f"[...document.querySelectorAll('#{table} tbody tr td:nth-child({number})')]"
    return browser.evaluate(f"{cells}.map((cell) => cell.textContent.trim())")


def choose(browser: Chromium, label: str, value: str) -> None:
    select = f"document.querySelector('select[aria-label=\"{label}\"]')"
    browser.evaluate(f"{select}.value = {json.dumps(value)}; {select}.dispatchEvent(new Event('change'))")


def test_every_section_is_drawn(shown: Chromium, tmp_path: Path) -> None:
    assert shown.evaluate("document.querySelectorAll('section').length") == 10
    assert shown.evaluate("document.querySelectorAll('#curves svg[role=img] path.line').length") > 9
    assert (
        shown.evaluate("document.querySelectorAll('#curves path.band').length") == 6
    )  # two metrics, three groups
    assert shown.evaluate("document.querySelectorAll('#parallel path.run').length") == 9
    assert shown.evaluate(
        "[...document.querySelectorAll('#samples img')].every((img) => img.naturalWidth > 0)"
    )
    assert shown.evaluate("document.querySelectorAll('#samples img').length") == 9
    assert "loss/d" in shown.evaluate("document.querySelector('#health').textContent")
    shown.screenshot(tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 50_000


def test_clicks_sort_the_ranking(shown: Chromium) -> None:
    assert column(shown, "leaderboard", 2) == ["hinge", "wgan_gp", "minimax", "ragan", "unknown"]
    assert column(shown, "leaderboard", 3) == ["3 of 3", "3 of 3", "3 of 3", "0 of 1", "0 of 1"]
    interval = stats.t.interval(0.95, 2, loc=12.5, scale=stats.sem(FIDS["hinge"]))
    assert column(shown, "leaderboard", 4)[0] == f"12.5 ± {(interval[1] - interval[0]) / 2:.1f}"
    assert column(shown, "leaderboard", 4)[3] == "–"
    shown.click("#leaderboard th[data-key='metric:is_digits'] button")
    assert column(shown, "leaderboard", 2) == ["minimax", "wgan_gp", "hinge", "ragan", "unknown"]
    shown.click("#leaderboard th[data-key='metric:is_digits'] button")
    assert column(shown, "leaderboard", 2) == ["hinge", "wgan_gp", "minimax", "ragan", "unknown"]
    assert (
        shown.evaluate("document.querySelector('#leaderboard th[data-key=\"metric:is_digits\"]').ariaSort")
        == "descending"
    )


def test_the_lead_says_what_was_decided_and_what_was_not(shown: Chromium) -> None:
    lead = shown.evaluate("document.querySelector('#ranking .lead').textContent")
    assert lead == (
        "hinge has the best mean fid_digits: 12.5 ± 3.7, n = 3. Worse by more than seed noise: minimax."
        " Not told apart from it by these seeds: wgan_gp."
    )
    against = column(shown, "leaderboard", 6)
    assert against[0] == "best"
    assert re.fullmatch(r"not told apart \(p = 0\.\d+\)", against[1])
    keys = shown.evaluate("[...document.querySelectorAll('#leaderboard th')].map((th) => th.dataset.key)")
    assert keys[6:10] == ["cost:images", "cost:iteration", "cost:seconds", "metric:is_digits"]
    names = shown.evaluate("[...document.querySelectorAll('section')].map((one) => one.id)")
    assert names[:3] == ["ranking", "trouble", "curves"]
    assert shown.evaluate("document.querySelector('#head a[href=\"#trouble\"]').textContent") == "failed"


def test_what_the_health_rules_found_is_said(shown: Chromium) -> None:
    remarks = shown.evaluate("document.querySelector('#ranking .remarks').textContent")
    assert "The game was not healthy all along: wgan_gp (1 of 3 runs: mode_collapse)." in remarks
    rows = dict(zip(column(shown, "runs", 1), shown.evaluate(
        "[...document.querySelectorAll('#runs tbody tr')].map((row) => row.textContent)"), strict=True))  # fmt: skip
    assert "mode_collapse, 1,000 to 2,000 images: all alike; try another loss" in rows["wgan_gp-1"]


def test_numbers_have_the_places_of_their_interval(shown: Chromium) -> None:
    pairs = [
        (902.2, 337.1),
        (12.5, 4.46),
        (0.00123, 0.00034),
        (1e7, 3e5),
        (-94.04, 53.6),
        (5.0, 0.996),
    ]
    said = [with_half(*pair) for pair in pairs]
    assert said[:3] == ["902 ± 337", "12.5 ± 4.5", "0.00123 ± 0.00034"]
    written = shown.evaluate(
        f"{[list(pair) for pair in pairs]}.map(([value, half]) => withHalf(value, half))"
    )
    plain = [text.replace("−", "-") for text in written]
    assert plain[:3] + plain[4:] == said[:3] + said[4:]
    assert shown.evaluate("raw(0.000123456789)") == "0.000123456789"  # to be copied


def test_settings_are_all_named(shown: Chromium) -> None:
    """Left of the first axis, where no line runs, every category; and what has no axis of its own."""
    first = "[...document.querySelectorAll('#parallel text.tick[text-anchor=end]')].map((text) => text.textContent)"
    assert sorted(shown.evaluate(first)) == ["hinge", "minimax", "wgan_gp"]
    assert "game.n_critic stands for what varies with it: " in shown.evaluate(
        "document.querySelector('#parallel').textContent"
    )


def test_groups_without_samples_say_so_in_the_order_of_the_ranking(shown: Chromium) -> None:
    shelves = shown.evaluate(
        "[...document.querySelectorAll('#samples .shelf')].map((one) => one.textContent)"
    )
    assert [text.split("-")[0].strip() for text in shelves[:3]] == [
        "hingehinge",
        "wgan_gpwgan_gp",
        "minimaxminimax",
    ]
    assert [text.strip() for text in shelves[3:]] == [
        "raganno grid at this point",
        "unknownno grid at this point",
    ]


def test_of_many_groups_bands_are_drawn_when_pointed_at(shown: Chromium) -> None:
    assert shown.evaluate("getComputedStyle(document.querySelector('#curves .band')).display") != "none"
    choose(shown, "group by", "run.name")
    assert shown.evaluate("document.querySelectorAll('#curves figure.many').length") == 2
    lines = "document.querySelectorAll('#health figure:first-child path.line').length"
    assert shown.evaluate(lines) == shown.evaluate(
        "groups().filter((group) => groupCurve(group, (run) => run.health['loss/d']).points.length > 1).length"
    )
    shown.evaluate(
        "document.querySelector('#curves svg').append(element('path', {class: 'band', 'data-group': 'hinge-1'}))"
    )
    display = "getComputedStyle(document.querySelector('#curves .band')).display"
    assert shown.evaluate(display) == "none"
    shown.evaluate("focusOn('hinge-1')")
    assert shown.evaluate(display) != "none"


def test_runs_are_grouped_by_any_key(shown: Chromium) -> None:
    choose(shown, "group by", "game.n_critic")
    assert column(shown, "leaderboard", 2) == ["5", "1", "not set"]
    assert column(shown, "leaderboard", 3) == ["3 of 3", "6 of 7", "0 of 1"]
    assert "Runs of 1 differ in more than the seed" in shown.evaluate(
        "document.querySelector('#ranking').textContent"
    )
    choose(shown, "group by", "seed")
    assert sorted(column(shown, "leaderboard", 2)) == ["0", "1", "2", "not set"]


def test_runs_are_read_at_an_equal_budget_on_every_clock(shown: Chromium) -> None:
    shown.click("#controls [data-key=best]")
    assert column(shown, "leaderboard", 4)[0].startswith("12.5")
    shown.click("#controls [data-key=equal]")
    shown.evaluate("view.budget = 2400; update()")
    # The one that failed later had reached it.
    assert column(shown, "leaderboard", 2) == ["ragan", "hinge", "minimax", "wgan_gp", "unknown"]
    assert column(shown, "leaderboard", 4)[0] == "5"
    assert column(shown, "leaderboard", 4)[1].startswith("41.0 ±")
    shown.click("#controls [data-key=iteration]")
    assert shown.evaluate("view.budget") == 30
    assert "G steps" in shown.evaluate("document.querySelector('#curves svg').ariaLabel")
    shown.click("#controls [data-key=seconds]")
    assert shown.evaluate("view.budget") == 6
    assert shown.evaluate("DATA.runs.find((run) => run.name === 'hinge-0').clock[2]") == [2, 4, 6]


def test_pairs_agree_with_python(shown: Chromium, runs: Path) -> None:
    lot = by_protocol(read_runs(find_runs([runs])))[0]
    expected = {
        frozenset((p.first.name, p.second.name)): p
        for p in pairs(group(lot, by="setting", metric="fid_digits"))
    }
    found = shown.evaluate(
        "pairs(groups()).map((p) => ({names: [p.first.group.name, p.second.group.name], test: p.test, n: p.n,"
        " half: p.half, corrected: p.corrected}))"
    )
    assert len(found) == len(expected) == 3
    for pair in found:
        same = expected[frozenset(pair["names"])]
        assert pair["test"] == same.difference.test == "paired"
        assert pair["corrected"] == pytest.approx(same.p, rel=1e-9)
        assert pair["half"] == pytest.approx(same.difference.half, rel=1e-9)
    assert sorted(column(shown, "pairs", 7)) == ["not told apart", "not told apart", "yes"]


def test_statistics_of_the_page_are_scipys(shown: Chromium) -> None:
    for freedom in (1, 2, 3.7, 19, 400):
        t = np.array([0.01, 0.5, 1.9, 4.3, 30.0])
        assert shown.evaluate(f"{t.tolist()}.map((t) => twoSided(t, {freedom}))") == pytest.approx(
            2 * stats.t.sf(t, freedom), rel=1e-9
        )
        assert shown.evaluate(f"criticalT(0.95, {freedom})") == pytest.approx(
            stats.t.ppf(0.975, freedom), rel=1e-10
        )
    a, b = {0: 14.1, 1: 15.9, 2: 13.2, 3: 18.8}, {5: 30.5, 6: 21.0, 7: 26.2}
    welch = stats.ttest_ind(list(a.values()), list(b.values()), equal_var=False)
    maps = [f"new Map({[list(item) for item in group.items()]})" for group in (a, b)]
    found = shown.evaluate(f"difference({maps[0]}, {maps[1]})")
    assert (found["test"], found["n"]) == ("Welch", [4, 3])
    assert found["p"] == pytest.approx(welch.pvalue, rel=1e-9)
    assert shown.evaluate("holm([0.01, 0.04, 0.03, 0.005])") == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_unlike_protocols_are_never_in_one_ranking(shown: Chromium) -> None:
    names = shown.evaluate(
        "[...document.querySelectorAll('#controls [aria-label=protocol] button')].map((b) => b.textContent)"
    )
    assert names == ["digits/train · digits · 900 samples (11)", "digits/train · digits · 50 samples (2)"]
    assert "few-0" not in "".join(column(shown, "runs", 1))
    shown.click("#controls [aria-label=protocol] button:nth-child(2)")
    assert column(shown, "leaderboard", 2) == ["non_saturating"]
    assert column(shown, "leaderboard", 4) == ["1"]  # two seeds: no interval
    assert column(shown, "runs", 1) == ["few-0", "few-1"]
    assert "They differ in n_fake." in shown.evaluate("document.querySelector('#protocol').textContent")
    assert column(shown, "measured", 2) == ["3000", "3000"]  # images seen


def test_markup_in_names_and_notes_is_text(shown: Chromium, page: Path) -> None:
    assert shown.evaluate("window.hacked") is None
    assert (
        shown.evaluate(
            "document.querySelectorAll('#main b[onmouseover], #main img:not([src^=\"data:\"])').length"
        )
        == 0
    )
    rows = "".join(column(shown, "troubles", 1) + column(shown, "troubles", 5))
    assert HOSTILE_NAME in rows
    assert HOSTILE in rows
    assert "no config.yaml" in rows
    assert page.read_text().count("</script>") == 2  # the data's and the script's own


def test_the_pointer_tells_values_and_groups_can_be_hidden(shown: Chromium) -> None:
    box = shown.evaluate(
        "(() => { const b = document.querySelector('#curves svg').getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; })()"
    )
    shown.call("Input.dispatchMouseEvent", type="mouseMoved", x=box[0] + box[2] - 16, y=box[1] + box[3] / 2)
    told = shown.evaluate("document.querySelector('#tip').textContent")
    assert re.search(r"3,000.*hinge12\.5.*\(n 3\)", told)
    lines = shown.evaluate("document.querySelectorAll('#curves path.line').length")
    shown.click("#controls .legend button")
    assert shown.evaluate("document.querySelectorAll('#curves path.line').length") < lines


def test_light_and_dark(shown: Chromium) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    before = shown.evaluate(colour)
    shown.click("#theme")
    assert shown.evaluate(colour) != before
    shown.click("#theme")
    assert shown.evaluate(colour) == before


HOSTILE_METRICS = (
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "fid_</script>",
    "is_\ud800",
    "precision_",
)


def test_hostile_metrics_and_damaged_runs_spoil_no_page(
    browser: Chromium, runs: Path, tmp_path: Path
) -> None:
    root = tmp_path / "runs"
    for seed in range(3):
        shutil.copytree(runs / f"hinge-{seed}", root / f"hinge-{seed}")
    damaged_runs(runs / "minimax-0", root, range(20))
    for seed in (0, 1, 2):
        folder = RunFolder(shutil.copytree(runs / f"wgan_gp-{seed}", root / f"hostile-{seed}"))
        final = {**folder.read_summary()["final"], **dict.fromkeys(HOSTILE_METRICS, 3.0 + seed)}
        protocol = {**PROTOCOL, "__proto__": {"toString": [None]}, "constructor": "x"}
        best = {name: value - 1 for name, value in final.items()}
        folder.write_summary(final=final, best=best, protocol=protocol if seed == 2 else PROTOCOL)
        for images in (1000, 2000, 3000):
            stamp = {"images": images, "iteration": images // 100}
            measured = {f"eval/{name}": 1e16 + images for name in HOSTILE_METRICS}
            folder.append_metrics({**stamp, **dict.fromkeys(HOSTILE_METRICS, 1e38), **measured})
        folder.config.write_text(
            folder.config.read_text() + "__proto__: {constructor: 1}\ntoString: [.nan]\n"
        )
    page = tmp_path / "page.html"
    assert cli.main(["report", str(root), "--out", str(page), "--by", "loss"]) == 0
    browser.open(page)
    browser.wait("document.querySelectorAll('section .body:empty').length === 0")
    scores = dict(zip(column(browser, "leaderboard", 2), column(browser, "leaderboard", 4), strict=True))
    assert scores["hinge"] == "12.5 ± 3.7"
    measured = browser.evaluate("metrics()")
    assert {"__proto__", "constructor", "toString", "hasOwnProperty", "fid_</script>"} <= set(measured)
    assert browser.evaluate("Object.prototype.toString.call({})") == "[object Object]"
    for name in measured:
        choose(browser, "metric", name)
    for key in browser.evaluate("keys()")[:6]:
        choose(browser, "group by", key)
    choose(browser, "group by", "loss")
    choose(browser, "metric", "__proto__")
    assert column(browser, "leaderboard", 4)[0] == "3.500"  # of two seeds: no interval
    for score in ("best", "equal", "final"):
        browser.click(f"#controls [data-key={score}]")
    for number in range(browser.evaluate("lots.length")):
        browser.evaluate(f"view.lot = {number}; settle()")
    assert browser.evaluate("window.hacked") is None
    assert browser.errors == []


def test_copies_and_reruns_are_said_on_the_page(browser: Chromium, runs: Path, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    for loss in ("hinge", "minimax"):
        for name in ("0", "0-copy", "1"):
            shutil.copytree(runs / f"{loss}-{name[0]}", root / f"{loss}-{name}")
    # one seed at a larger budget besides
    for seed in (0, 1):
        longer = RunFolder(shutil.copytree(runs / f"hinge-{seed}", root / f"longer-{seed}"))
        longer.config.write_text(longer.config.read_text().replace("  images: 3000", "  images: 6000"))
        longer.write_summary(images=6000, final={"fid_digits": 4.0 + seed, "is_digits": 9.0})
    page = tmp_path / "page.html"
    assert cli.main(["report", str(root), "--out", str(page), "--by", "loss"]) == 0
    browser.open(page)
    browser.wait("document.querySelectorAll('section .body:empty').length === 0")
    assert column(browser, "leaderboard", 2) == ["hinge", "minimax"]
    assert column(browser, "leaderboard", 3) == ["2 of 4", "2 of 2"]
    assert column(browser, "leaderboard", 4) == ["4.500", "33.50"]
    remarks = browser.evaluate("document.querySelector('#ranking .remarks').textContent")
    assert (
        f"each is shown once: hinge-0 stands for {root}/hinge-0-copy (copy); minimax-0 stands for" in remarks
    )
    assert "not counted again: hinge-0, hinge-1." in remarks
    assert "Not counted:" not in remarks
    assert "repeats left out" in browser.evaluate("document.querySelector('#head').textContent")
    assert column(browser, "runs", 1) == [
        "hinge-0",
        "hinge-1",
        "longer-0",
        "longer-1",
        "minimax-0",
        "minimax-1",
    ]
    means = browser.evaluate("groupCurve(groups()[0], (run) => run.curves.fid_digits).n")
    assert means == [2, 2, 2]  # not four
    assert browser.errors == []


def test_unlike_budgets_open_where_there_is_something_to_see(browser: Chromium, tmp_path: Path) -> None:
    for name, step in {"a": 1000, "b": 100_000}.items():
        folder = made_run(tmp_path, name, f"seed={step}", fid=(5.0,) * 20, state="running")
        folder.metrics.unlink()
        for images in range(0, 21 * step, step):
            folder.append_metrics(
                {"images": images, "iteration": images // 100, "eval/fid_digits": 9.0, "loss/d": 1.0}
            )
            save_grid(np.full((4, 1, 8, 8), 90, np.uint8), folder.sample_grid(images))
    late = made_run(tmp_path, "c", "seed=3", fid=(5.0,), state="running")
    late.metrics.unlink()
    late.append_metrics({"images": 0, "iteration": 0, "eval/fid_digits": 90.0})
    save_grid(np.full((4, 1, 8, 8), 90, np.uint8), late.sample_grid(0))
    page = tmp_path / "page.html"
    assert cli.main(["report", str(tmp_path), "--out", str(page)]) == 0
    browser.open(page)
    browser.wait("document.querySelectorAll('section .body:empty').length === 0")
    assert browser.evaluate("document.querySelector('#samples output').textContent") == "the end of each run"
    shown = browser.evaluate("[...document.querySelectorAll('#samples small')].map((one) => one.textContent)")
    assert [text.split(" images")[0] for text in shown] == ["20,000", "2,000,000", "0"]
    assert browser.evaluate("[view.score, view.budget]") == ["equal", 20_000]
    assert "GPU" not in browser.evaluate("document.body.innerText")
    assert browser.errors == []


def test_one_run_is_enough(browser: Chromium, runs: Path, tmp_path: Path) -> None:
    page = tmp_path / "one.html"
    RunFolder(runs / "hinge-1").write_summary(selection=selection(15.25, 13.5, images=1000))
    assert cli.main(["report", str(runs / "hinge-1"), "--out", str(page), "--metric", "is"]) == 0
    browser.open(page)
    browser.wait("document.querySelectorAll('section .body:empty').length === 0")
    assert column(browser, "leaderboard", 2) == ["hinge"]
    assert column(browser, "leaderboard", 4) == ["8.600"]
    heads = "[...document.querySelectorAll('#runs th')].map(th => th.textContent)"
    place = browser.evaluate(heads).index("last, fresh samples")
    assert [column(browser, "runs", place + i) for i in (1, 2)] == [["15.25"], ["13.50"]]
    assert browser.errors == []
