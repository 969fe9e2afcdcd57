"""Stop strings are found wherever pieces are cut, and nothing of them is shown."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longspan.decode.stop import StopWatcher


def run(stops: list[str], pieces: list[str]) -> tuple[str, bool]:
    watcher = StopWatcher(stops)
    text = "".join(watcher.feed(piece) for piece in pieces)
    return text + watcher.flush(), watcher.stopped


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_a_stop_string_ends_the_text_wherever_it_is_cut(size):
    text = "one two</end>three"
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    assert run(["</end>"], pieces) == ("one two", True)


def test_text_that_only_begins_like_a_stop_string_is_shown_late_but_whole():
    watcher = StopWatcher(["</end>"])
    assert watcher.feed("a </e") == "a "
    assert watcher.feed("m> b") == "</em> b"
    assert watcher.feed("</en") == ""
    assert watcher.flush() == "</en"
    assert not watcher.stopped


def test_the_match_that_is_complete_first_wins():
    assert run(["bc", "abcd"], ["abcd"]) == ("a", True)
    assert run(["bc", "abc"], ["xabc"]) == ("x", True)
    assert run(["zz", "b"], ["ab", "zz"]) == ("a", True)


def test_nothing_follows_a_stop():
    watcher = StopWatcher(["."])
    assert watcher.feed("a.b") == "a"
    assert watcher.feed("c") == ""
    assert watcher.flush() == ""


def test_without_stop_strings_text_passes_at_once():
    assert StopWatcher([]).feed("abc") == "abc"


@pytest.mark.parametrize("stops", [[""], ["a", ""], "abc"])
def test_an_unusable_stop_string_is_refused(stops):
    with pytest.raises(ValueError, match="stop string"):
        StopWatcher(stops)


@settings(deadline=None)
@given(
    st.text("ab", max_size=30), st.lists(st.text("ab", min_size=1, max_size=4), max_size=3), st.sets(st.integers(0, 30))
)
def test_pieces_never_matter(text, stops, cuts):
    edges = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    pieces = [text[a:b] for a, b in pairwise(edges)]
    ends = [(i, s) for i in range(1, len(text) + 1) for s in sorted(stops, key=len) if text[:i].endswith(s)]
    first = [(i, s) for i, s in ends if i == ends[0][0]]
    want = (text[: first[-1][0] - len(first[-1][1])], True) if first else (text, False)
    assert run(stops, pieces) == want
