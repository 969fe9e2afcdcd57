from random import Random

import pytest

from longspan.core.errors import InputError
from longspan.evals import words
from longspan.evals.haystack import Haystack, library


def test_a_tables_rule_does_not_pass_for_a_word_of_many_tokens() -> None:
    hay = Haystack.of("| Name | Age |\n|" + "-" * 400 + "|\nAnn is 5.")
    assert hay.sentences == ("| Name | Age | |---| Ann is 5.",)
    assert max(len(word) for sentence in library().sentences for word in sentence.split()) < 80


def test_takes_the_words_asked_for_and_goes_round() -> None:
    hay = Haystack.of("One two three. Four five.")
    assert hay.take(1, 6) == ["Four five.", "One two three.", "Four"]
    with pytest.raises(InputError, match="empty"):
        Haystack.of(" \n ")


def test_words_may_be_read_aloud() -> None:
    assert "sex" not in words.vocabulary()
    assert len(words.nouns()) > 5000
    assert words.pair(Random(0)) == words.pair(Random(0))
