import pytest

from longspan.evals.metrics.longwriter import length_score, words
from longspan.evals.task import Sample


def test_words_are_of_english_letters_and_characters_are_chinese():
    assert words("Two words, 3 numbers: x1 don't.") == 5  # two, words, numbers, don, t; x1 is none
    assert words("写一篇100字的 short 文章。") == 8
    assert words("été 日本 カナ") == 2


@pytest.mark.parametrize(
    ("written", "score"),
    [(100, 1), (250, 0.5), (400, 0), (900, 0), (50, 0.5), (80, 0.875), (34, 1 - (100 / 34 - 1) / 2), (33, 0), (0, 0)],
)
def test_the_length_score_falls_to_0_at_four_times_and_at_a_third(written, score):
    sample = Sample(
        task="t", id="0", before="", context="", after="", answers=(), max_tokens=9, data={"length": 100, "prompt": ""}
    )
    assert length_score("word " * written, sample) == pytest.approx(score)
