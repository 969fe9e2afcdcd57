"""Quotes of an answer are found, looked up, and called what they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.attribution.quotes import quotes

SOURCE = (
    "The white whale swam before him. "
    "\u201cHow\u2019s that?\u201d asked Ahab\u2019s mate \u2014 and then the\n   sea closed over."
)


def texts(answer):
    return [quote.text for quote in quotes(answer, [])]


@pytest.mark.parametrize(
    "answer",
    [
        'It says "the white whale".',
        "It says \u201cthe white whale\u201d.",
        "It says \u00abthe white whale\u00bb.",
        "It says `the white whale`.",
        "It says 'the white whale'.",
        "It says \u2018the white whale\u2019.",
        '("the white whale")',
        '"the white whale"',
    ],
)
def test_every_kind_of_quotation_mark_quotes(answer):
    assert texts(answer) == ["the white whale"]


@pytest.mark.parametrize(
    "answer",
    [
        "It isn't Ahab's whale, and the sailors' song doesn't say.",
        "It isn\u2019t Ahab\u2019s whale, and the sailors\u2019 song doesn\u2019t say.",
        "In the '90s rock 'n' roll wasn't new.",
        'A 5" pipe and a 6" pipe.',
        'An empty "" and a short "of".',
        'An unfinished "quote',
    ],
)
def test_apostrophes_inches_and_scraps_are_no_quotes(answer):
    assert texts(answer) == []


def test_an_apostrophe_within_single_quotes_does_not_end_them():
    assert texts("He said 'it isn't Ahab's whale' and left.") == ["it isn't Ahab's whale"]
    assert texts("He said \u2018it isn\u2019t Ahab\u2019s whale\u2019 and left.") == ["it isn\u2019t Ahab\u2019s whale"]


def test_several_quotes_come_in_order():
    assert texts('First "one thing", then \u201canother thing\u201d and `f(x)`.') == [
        "one thing",
        "another thing",
        "f(x)",
    ]


def test_a_quote_may_run_over_a_line_of_the_answer_but_not_over_a_paragraph():
    assert texts('It says "the white\nwhale".') == ["the white\nwhale"]
    assert texts('It says "the white\n\nwhale".') == []


@pytest.mark.parametrize(
    ("quoted", "found"),
    [
        ('"white whale swam"', "white whale swam"),
        ('"then the sea closed"', "then the\n   sea closed"),
        ('"then the\nsea closed"', "then the\n   sea closed"),
        ('"How\'s that?"', "How\u2019s that?"),
        ('"mate - and then"', "mate \u2014 and then"),
        ('"the white whale swam," he said', None),
        ('"white whale swam,"', "white whale swam"),
        ('"before him."', "before him."),
        ('"sea closed over!"', "sea closed over"),
    ],
)
def test_a_quote_is_found_word_for_word_with_its_characters(quoted, found):
    (quote,) = quotes(f"It says {quoted}.", ["Another text.", SOURCE])
    assert quote.verified == (found is not None)
    if found is None:
        assert (quote.source, quote.start, quote.end) == (None, 0, 0)
    else:
        assert (quote.source, SOURCE[quote.start : quote.end]) == (1, found)


@pytest.mark.parametrize("false", ["the black whale", "white  whale sank", "whale white", "The white whale swam after"])
def test_what_no_source_says_is_not_verified(false):
    (quote,) = quotes(f'It says "{false}".', [SOURCE])
    assert not quote.verified


def test_marks_of_a_pattern_are_taken_as_they_are():
    (quote,) = quotes('It says "a+b (c|d) [e] .*".', ["so a+b (c|d) [e] .* it is"])
    assert quote.verified
    (quote,) = quotes('It says "w.ite".', [SOURCE])
    assert not quote.verified


def test_only_punctuation_is_not_verified_by_every_text():
    assert not any(quote.verified for quote in quotes('It says "...".', [SOURCE]))


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_answer_and_source_end_in_true_spans(answer, source):
    for quote in quotes(answer, [source]):
        assert 0 <= quote.start <= quote.end <= len(source)
        assert quote.verified == (quote.end > quote.start)


def test_a_long_answer_of_marks_ends_soon():
    assert quotes("'a " * 5000 + '"b\n' * 5000, [SOURCE]) is not None
