import pytest
from tests.evals.test_generators import count

from longspan.core.errors import InputError
from longspan.evals.ask import samples
from longspan.evals.haystack import Haystack, library
from longspan.evals.tasks.ada_leval.textsort import PIECES, SEGMENT, TextSort

SENTENCES = [f"Sentence number {number} speaks of thing {number * 7}." for number in range(400)]


def made(length=2048, n=11, haystack=None):
    return list(samples("sort", TextSort(), length=length, n=n, seed=0, count=count, haystack=haystack or library()))


def test_the_pieces_in_the_order_of_the_answer_are_the_text():
    text = Haystack.of(" ".join(SENTENCES))
    for sample in made(haystack=text):
        pieces = dict(SEGMENT.findall(sample.context))
        before = sample.context.partition("\n\n")[0].removeprefix("Before: ")
        after = sample.context.rpartition("\n\nAfter: ")[2]
        order = sample.answers[0].strip("[]").split(", ")
        joined = " ".join([before, *(pieces[number] for number in order), after])
        assert joined in " ".join(SENTENCES * 2)


def test_only_the_last_part_may_end_within_a_sentence():
    for sample in made(haystack=Haystack.of(" ".join(SENTENCES))):
        pieces = [text for _, text in SEGMENT.findall(sample.context)]
        assert len(pieces) == PIECES
        assert all(piece.endswith(".") for piece in pieces)


def test_parts_are_of_about_the_same_length():
    for sample in made(length=4096, haystack=Haystack.of(" ".join(SENTENCES))):
        lengths = [len(text) for _, text in SEGMENT.findall(sample.context)]
        assert max(lengths) - min(lengths) <= 2 * len(SENTENCES[-1])


def test_spans_are_the_segments_with_their_labels():
    for sample in made(n=2):
        texts = [sample.context[first:last] for first, last in sample.spans]
        assert [SEGMENT.fullmatch(text)[1] for text in texts] == ["1", "2", "3", "4"]


def test_all_orders_come_up():
    assert len({sample.answers for sample in made(length=600, n=200)}) == 24


def test_a_text_too_short_to_cut_is_refused():
    with pytest.raises(InputError, match="at least 12 sentences"):
        made(haystack=Haystack.of("One. Two. Three."))
