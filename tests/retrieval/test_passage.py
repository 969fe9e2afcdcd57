import time
from pydoc_data.topics import topics

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from longspan.retrieval.passage import Passage, limit_of, passages, words
from longspan.retrieval.sentence import sentences

ALPHABET = st.sampled_from(
    ["a", "B", "é", "漢", "語", "7", " ", "\n", "\n\n", ".", "! ", "。", "# ", "- ", "def f():\n", "\t", "_"]
)
TEXTS = st.one_of(st.text(max_size=300), st.lists(ALPHABET, max_size=120).map("".join))


def cut(text: str, **settings: object) -> list[str]:
    return [passage.of(text) for passage in passages(text, **settings)]  # type: ignore[arg-type]  # settings of several types


@given(text=TEXTS, code=st.booleans(), size=st.integers(1, 30), limit=st.integers(2, 80))
@example(text="\x1c\x85a", code=False, size=1, limit=2)
@settings(deadline=None, max_examples=150)
def test_every_character_is_in_one_passage_or_is_white_space_between(
    text: str, code: bool, size: int, limit: int
) -> None:
    found = passages(text, code=code, size=size, limit=limit)
    end = 0
    for passage in found:
        assert not text[end : passage.start].strip()
        assert 0 < passage.end - passage.start <= limit
        assert passage.of(text) == passage.of(text).strip()
        end = passage.end
    assert not text[end:].strip()


def test_sentences_of_real_prose_are_never_cut() -> None:
    text = topics["objects"]
    edges = {edge for passage in passages(text) for edge in (passage.start, passage.end)}
    whole = [span for span in sentences(text, 0, len(text)) if span[1] - span[0] < 1000]
    assert len(whole) > 30
    assert not [
        span
        for span in whole
        if any(span[0] < edge < span[1] and "\n" not in text[edge - 1 : edge + 1] for edge in edges)
    ]


def test_passages_are_at_most_the_size_and_mostly_over_half_of_it() -> None:
    text = "\n\n".join(topics.values())
    sizes = [words(passage.of(text)) for passage in passages(text, size=100)]
    assert sum(size > 100 for size in sizes) < 0.05 * len(sizes)  # long sentences and tables only
    assert sum(size >= 50 for size in sizes) > 0.75 * len(sizes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. Smith met J. Doe. They spoke, e.g. about 3.14. Why? Nobody knows.", 4),
        ('He said "Go." Then he left.', 2),
        ("It costs 5 p.m. tickets... and more. End", 2),
        ("我喜欢书。你呢\uff1f我也是\uff01", 3),
        ("यह एक वाक्य है। यह दूसरा है।", 2),
        ("هل هذا سؤال؟ نعم.", 2),
        ("no punctuation at all", 1),
        ("   ", 0),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, expected: int) -> None:
    assert len(list(sentences(text, 0, len(text)))) == expected


def test_a_heading_begins_a_passage_and_stays_with_its_text() -> None:
    body = "One two three four five six. " * 3
    for heading in ("# Title", "Title\n=====", "A lone title\n"):
        text = f"{body}\n\n{heading}\n{body}"
        assert [part[:5] for part in cut(text, size=25)] == ["One t", heading[:5]]


def test_paragraphs_are_cut_before_sentences() -> None:
    first = "One two three. Four five six. Seven eight nine."
    second = "Ten eleven twelve. Thirteen fourteen fifteen."
    assert cut(f"{first}\n\n{second}", size=13) == [first, second]


def test_code_is_cut_before_top_level_definitions_and_keeps_decorators() -> None:
    function = "@cache\ndef name(a, b):\n    c = a + b\n\n    return c"
    parts = cut("\n\n\n".join([function] * 4), code=True, size=14)
    assert parts == [function] * 4


def test_unbroken_text_is_cut_hard() -> None:
    assert [len(part) for part in cut("x" * 5000, limit=2000)] == [2000, 2000, 1000]
    assert max(map(len, cut("word " * 2000, size=10_000, limit=500))) <= 500


@pytest.mark.parametrize(
    "hostile", ["." * 400_000, ". " * 200_000, "\n" * 400_000, "a." * 200_000, ")" * 400_000, "= " * 200_000]
)
def test_time_grows_with_length_not_its_square(hostile: str) -> None:
    started = time.process_time()
    passages(hostile)
    passages(hostile, code=True)
    assert time.process_time() - started < 20  # a square would take hours


def test_the_callers_count_decides_the_size() -> None:
    text = "Aa bb. Cc dd. Ee ff. Gg hh."
    assert cut(text, size=14, count=len) == ["Aa bb. Cc dd.", "Ee ff. Gg hh."]


def test_passages_sort_in_document_order() -> None:
    assert Passage(0, 0, 9) < Passage(0, 5, 7) < Passage(1, 0, 2)
    assert passages("A b.", source=3) == [Passage(3, 0, 4)]


def test_a_size_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        passages("text", size=0)


def test_larger_passages_may_have_more_characters() -> None:
    text = "\n\n".join(topics[name].strip() for name in sorted(topics)[:20])
    sizes = [words(passage.of(text)) for passage in passages(text, size=1000, limit=limit_of(1000))]
    assert 500 < sum(sizes[:-1]) / len(sizes[:-1]) <= 1000
    assert limit_of(100) == limit_of(1) == 2000
