"""Progress is bars on a terminal and a line per stage elsewhere; standard output stays clean."""

from __future__ import annotations

import pytest
from rich.console import Console

from longspan.cli import console
from longspan.cli.console import bars


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    return now


def test_without_a_terminal_each_stage_is_a_line_when_it_ends(capsys, clock):
    with bars() as progress:
        for done in (0, 500, 1000):
            clock[0] += 1
            progress("prefill [1]", done, 1000, "tokens")
        progress("prefill [1]", 1000, 1000, "tokens")
        progress("index", 3, 0, "passages")
        clock[0] += 2
        progress("index", 40, 0, "passages")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "prefill [1]: 1,000 tokens, 500 tokens/s, 2.0 s",
        "index: 40 passages, 18.5 passages/s, 2.0 s",
    ]


def test_a_stage_that_is_cut_short_says_how_far_it_came(capsys, clock):
    def pull() -> None:
        with bars() as progress:
            progress("pull", 0, 98_000_000, "bytes")
            clock[0] += 10
            progress("pull", 20_000_000, 98_000_000, "bytes")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull()
    assert capsys.readouterr().err == "pull: 20.0 MB of 98.0 MB, 2.0 MB/s, 10.0 s\n"


def test_a_stage_that_starts_again_is_a_stage_of_its_own(capsys, clock):
    with bars() as progress:
        for done in (0, 2, 1, 2):
            clock[0] += 1
            progress("read", done, 2, "files")
    assert [line.partition(",")[0] for line in capsys.readouterr().err.splitlines()] == ["read: 2 files"] * 2


def test_on_a_terminal_a_bar_shows_speed_and_time_left(monkeypatch, capsys):
    terminal = Console(stderr=True, force_terminal=True, width=100)
    monkeypatch.setattr(console, "err", lambda: terminal)
    with bars() as progress:
        progress("prefill", 0, 1000, "tokens")
        progress("prefill", 250, 1000, "tokens")
        progress("prefill", 100, 1000, "tokens")
        progress("unknown", 5, 0, "tokens")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "250 tokens of 1,000 tokens" in printed.err
    assert "tokens/s" in printed.err
