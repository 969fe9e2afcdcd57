"""Texts expect the same tokens whatever their length, needles lie where they say, and both count tokens."""

import pytest
from tests.models.tiny_model import tiny_model

from longspan.core.errors import InputError
from longspan.evals.extension.questions import readings
from longspan.evals.haystack import Haystack, library

HAY = Haystack.of(" ".join(library().sentences[:700]))


@pytest.fixture(scope="module")
def model():
    return tiny_model()


def test_pieces_fill_their_length_and_expect_the_same_tokens_at_all_lengths(model):
    made = readings(model, HAY, (300, 500, 1000), 3)
    assert [(each.length, each.number) for each in made] == [(n, i) for n in (300, 500, 1000) for i in range(3)]
    assert all(len(each.tokens) == each.length for each in made)
    for number in range(3):
        short, middle, long = (each for each in made if each.number == number)
        assert short.scored == long.scored == 75
        assert short.tokens[-75:] == middle.tokens[-75:] == long.tokens[-75:]
        assert middle.tokens[-300:] == long.tokens[-300:]


def test_pieces_of_another_shift_expect_other_tokens(model):
    text = tuple(token for sentence in HAY.sentences for token in model.encode(f" {sentence}"))

    def expected(shift):
        found = set()
        for each in readings(model, HAY, (2000,), 5, shift=shift):
            end = each.tokens[-800:]
            at = next(at for at in range(len(text)) if text[at : at + 800] == end) + 800
            found |= set(range(at - each.scored, at))
        return found

    assert len(expected(0.25)) == 5 * 500
    assert not expected(0.25) & expected(0.75)


def test_too_little_text_is_told_with_the_numbers(model):
    with pytest.raises(InputError, match="Give more text with --docs"):
        readings(model, Haystack.of("One sentence. Another one."), (500,), 2)


def test_needles_are_shared_out_over_the_pieces_and_lie_where_they_say(model):
    made = readings(model, library(), (1200, 2400), 2, 5)
    assert [[needle.number for needle in each.needles] for each in made] == [[0, 2, 4], [1, 3]] * 2
    for each in made:
        assert len(each.tokens) + max(len(needle.tokens) for needle in each.needles) == each.length
        prompt = model.decode(list(each.tokens))
        for needle in each.needles:
            value = model.decode(list(needle.tokens[-needle.scored :])).strip()
            asked = model.decode(list(needle.tokens[: -needle.scored]))
            assert value.isdecimal()
            assert prompt.count(value) == 1
            key = asked.split("number of ")[1].split(" that")[0]
            assert f"The secret number of {key} is {value}." in prompt
            assert value not in asked
            before = model.decode(list(each.tokens[: -each.scored]))
            assert abs(before.index(value) / len(before) - needle.depth) < 0.2
    assert [round(needle.depth, 1) for needle in made[2].needles] == pytest.approx([0.1, 0.5, 0.9], abs=0.11)


def test_a_length_too_short_for_needles_has_none_unless_it_is_the_longest(model):
    short, long = readings(model, library(), (300, 1200), 1, 3)
    assert (len(short.needles), len(long.needles)) == (0, 3)
    assert len(short.tokens) == 300
    with pytest.raises(InputError, match="300 tokens are too few for a text that hides 3 numbers"):
        readings(model, library(), (300,), 1, 3)
    with pytest.raises(InputError, match="63 tokens are too few for a text:"):
        readings(model, library(), (63, 600), 1)


def test_another_seed_hides_other_needles_in_the_same_text(model):
    first, again, other = (readings(model, library(), (900,), 1, 2, seed=seed)[0] for seed in (0, 0, 1))
    assert first == again
    assert first != other
    assert first.tokens[-200:] == other.tokens[-200:]


def test_a_passage_that_the_text_says_twice_is_not_read_before_it_is_expected(model):
    said = [
        f"Of the {n}th matter the clerk wrote in the book, on page {n * 7} and then on page {n}." for n in range(60)
    ]
    hay = Haystack.of(" ".join([*said, *said]))
    long = 7 * sum(len(model.encode(f" {sentence}")) for sentence in hay.sentences) // 10
    for each in readings(model, hay, (1200, long), 1, shift=0.5):
        body, tail = model.decode(list(each.tokens[: -each.scored])), model.decode(list(each.tokens[-each.scored :]))
        expected = [sentence for sentence in said if sentence in tail]
        assert expected
        assert not any(sentence in body for sentence in expected)
