"""Pieces of text expect the same tokens whatever their length, needles lie where they say, and both count tokens."""

import pytest
from tests.models.tiny_model import tiny_model

from longspan.core.errors import InputError
from longspan.evals.extension.questions import needles, texts
from longspan.evals.haystack import Haystack, library

HAY = Haystack.of(" ".join(library().sentences[:700]))


@pytest.fixture(scope="module")
def model():
    return tiny_model()


def test_pieces_have_their_length_and_expect_the_same_tokens_at_all_lengths(model):
    made = texts(model, HAY, (63, 500, 1000), 3)
    assert [(each.length, each.number) for each in made] == [(n, i) for n in (63, 500, 1000) for i in range(3)]
    assert all(len(each.tokens) == each.length for each in made)
    for number in range(3):
        short, middle, long = (each for each in made if each.number == number)
        assert short.scored == long.scored == 31
        assert short.tokens == middle.tokens[-63:] == long.tokens[-63:]
    stream = tuple(model.encode(" ".join(HAY.sentences)))
    assert made[-1].tokens in [stream[at : at + 1000] for at in range(len(stream) - 1000)]


def test_pieces_of_another_shift_expect_other_tokens(model):
    text = tuple(model.encode(" ".join(HAY.sentences)))

    def expected(shift):
        found = set()
        for each in texts(model, HAY, (2000,), 5, shift=shift):
            at = next(at for at in range(len(text)) if text[at : at + 2000] == each.tokens)
            found |= set(range(at + 2000 - each.scored, at + 2000))
        return found

    assert len(expected(0.25)) == 5 * 512
    assert not expected(0.25) & expected(0.75)


def test_too_little_text_is_told_with_the_numbers(model):
    with pytest.raises(InputError, match="Give more text with --docs"):
        texts(model, Haystack.of("One sentence. Another one."), (500,), 2)


def test_needles_fit_their_length_and_end_in_the_value_they_ask_for(model):
    made = needles(model, library(), (600, 1200), 3)
    assert [each.length for each in made] == [600] * 3 + [1200] * 3
    for each in made:
        value = model.decode(list(each.tokens[-each.scored :])).strip()
        prompt = model.decode(list(each.tokens[: -each.scored]))
        assert value.isdecimal()
        assert prompt.count(value) == 1
        assert 0.9 * each.length - 130 <= len(each.tokens) <= each.length
        # the instruction before the text and the question after it shift the depth a little
        assert abs(prompt.index(value) / len(prompt) - each.depth) < 0.35
    assert [each.depth for each in made[:3]] == [0.0, 0.7, 0.3]


def test_a_length_too_short_for_a_needle_has_none(model):
    assert {each.length for each in needles(model, library(), (63, 600), 2)} == {600}
    with pytest.raises(InputError, match="are too few"):
        needles(model, library(), (63,), 2)


def test_another_seed_hides_other_needles(model):
    first, again, other = (needles(model, library(), (600,), 1, seed=seed)[0] for seed in (0, 0, 1))
    assert first == again
    assert first != other
