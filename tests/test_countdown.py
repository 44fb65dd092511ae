"""How much time is left is told on standard error, as a bar or as a line now and then."""

import pytest

from ganlab import countdown
from ganlab.countdown import Countdown


def test_lines_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [100.0]
    monkeypatch.setattr(countdown.time, "monotonic", lambda: now[0])
    tell = Countdown()
    tell("samples", 0, 400)
    for _ in range(10):
        now[0] += 4
        tell("samples", 20, 400)
    tell("reference", 10, 10)  # done before anybody would have asked
    out, err = capsys.readouterr()
    assert out == ""
    # begun at 100; told at 108, after more than 5 s, and once more 30 s later
    assert err.splitlines() == [
        "samples: 40 of 400, 5 images/s, 72 s left", "samples: 200 of 400, 5 images/s, 40 s left",
    ]  # fmt: skip


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(countdown.sys.stderr, "isatty", lambda: True)
    tell = Countdown()
    tell("samples", 100, 400)
    assert tell.done == 100
    tell("samples", 900, 400)  # the last share of several processes is rounded up
    tell("samples", 50, 400)  # a second seed begins anew
    assert tell.done == 50
    tell.close()
    err = capsys.readouterr().err
    assert err.count("samples   0%") >= 2
    assert "left]" in err
