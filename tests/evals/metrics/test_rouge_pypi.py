import pytest

from longspan.evals.metrics.rouge_pypi import NOTHING, rouge_l, rouge_n

PREDICTION = "The ferry left the harbour at noon. It reached the island after the storm."
REFERENCE = "At noon the ferry left. After the long storm it reached the harbour of the island."


def test_scores_are_those_of_the_package():
    """Numbers of `rouge` 1.0.1."""
    assert rouge_n(PREDICTION, REFERENCE, 1) == pytest.approx(
        (0.6153846153846154, 2 / 3, 0.6399999950080001), abs=1e-12
    )
    assert rouge_n(PREDICTION, REFERENCE, 2) == pytest.approx((4 / 15, 4 / 13, 0.285714280739796), abs=1e-12)
    assert rouge_l(PREDICTION, REFERENCE) == pytest.approx((6 / 13, 0.5, 0.47999999500800006), abs=1e-12)


def test_words_count_once_however_often_they_come():
    assert rouge_n("a a a a", "a b", 1).precision == 1.0
    assert rouge_l("a a a a", "a b") == pytest.approx((0.5, 1.0, 2 / 3), abs=1e-7)


def test_texts_without_a_sentence_score_nothing():
    for text in ("", "...", "."):
        assert rouge_n(text, "a b", 1) == rouge_l(text, "a b") == rouge_l("a b", text) == NOTHING
