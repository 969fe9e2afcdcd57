import random

import pytest

from longspan.core.errors import InputError
from longspan.draft.prompt_lookup import PromptLookup


def naive(text, ngram, tokens):
    """The longest run of last tokens, looked for from the start of the text."""
    for size in range(min(ngram, len(text) - 1), 0, -1):
        for start in range(len(text) - size):
            if text[start : start + size] == text[-size:]:
                return text[start + size : start + size + tokens]
    return []


@pytest.mark.parametrize("ngram", [1, 2, 3])
def test_guesses_are_what_followed_the_first_time(ngram):
    text, draft = [], PromptLookup(ngram=ngram, tokens=4).open(None)
    for step in range(200):
        text += [(step * step // 7) % 5] if step % 3 else [step % 4, step % 2]
        assert draft.propose(text, 9, None).tokens == naive(text, ngram, 4), step


def test_no_more_is_guessed_than_there_is_room_for():
    draft = PromptLookup().open(None)
    assert draft.propose([1, 2, 3, 4, 5, 1, 2], 2, None).tokens == [3, 4]
    assert draft.propose([1, 2, 3, 4, 5, 1, 2, 9], 2, None).tokens == []


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(InputError, match="ngram=0"):
        PromptLookup(ngram=0)


def test_what_was_taken_back_is_forgotten():
    generator, draft, text = random.Random(0), PromptLookup(ngram=2, tokens=4).open(None), [0, 1, 2, 0, 1]
    for _ in range(200):
        assert draft.propose(text, 9, None).tokens == naive(text, 2, 4), text
        text = text[: max(5, len(text) - generator.randrange(6))] + [generator.randrange(3) for _ in range(4)]
