"""Expected values are worked out by hand; rouge 1.0.1 and rouge_score 0.1.2 give the same."""

import pytest

from longspan.evals.metrics.rouge import (
    NOTHING,
    distinct_rouge_l,
    distinct_rouge_n,
    rouge_l,
    rouge_l_lines,
    rouge_n,
    tokens,
)

PREDICTION = "The ferry left the harbour at noon. It reached the island after the storm."
REFERENCE = "At noon the ferry left. After the long storm it reached the harbour of the island."


def test_tokens_are_runs_of_ascii_letters_and_digits():
    assert tokens("Don't re-read 3.14 café_x") == ["don", "t", "re", "read", "3", "14", "caf", "x"]


def test_n_grams_count_as_often_as_the_rarer_side_has_them():
    # 1-grams: a, a, b of a, b, b, c: two of three and of four; 2-grams: "a b" alone, one of two and of three.
    assert rouge_n("a a b", "a b b c", 1) == pytest.approx(2 * (2 / 3) * (2 / 4) / (2 / 3 + 2 / 4))
    assert rouge_n("a a b", "a b b c", 2) == pytest.approx(2 * (1 / 2) * (1 / 3) / (1 / 2 + 1 / 3))
    assert rouge_n("", "a", 1) == rouge_n("a", "b c", 2) == 0


def test_the_longest_common_subsequence_keeps_order():
    # Lin's example: three words in order, and two.
    reference = "police killed the gunman"
    assert rouge_l("police kill the gunman", reference) == pytest.approx(3 / 4)
    assert rouge_l("the gunman kill police", reference) == pytest.approx(2 / 4)
    assert rouge_l("...", reference) == 0


def test_lines_are_united_and_no_word_counts_twice():
    # Lin's example: w1 w2 of one line and w1 w3 w5 of the other unite to four of five words, among ten in the reply.
    reply = "w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5"
    assert rouge_l_lines(reply, "w1 w2 w3 w4 w5") == pytest.approx(2 * (4 / 5) * (4 / 10) / (4 / 5 + 4 / 10))
    assert rouge_l_lines("a", "a\na") == pytest.approx(2 / 3)
    assert rouge_l_lines("", "a") == rouge_l_lines("\n\n", "a") == 0


def test_the_other_package_counts_words_once_and_cuts_at_full_stops():
    # Subsequences "the cat sat" and "it ran" of 5 distinct words and of 6.
    reply, reference = "the cat sat. it ran", "the cat the cat sat down. it ran"
    assert distinct_rouge_l(reply, reference).f == pytest.approx(2 * (5 / 5) * (5 / 6) / (1 + 5 / 6), abs=1e-7)
    assert distinct_rouge_l("a a a b", "a b").f == pytest.approx(1, abs=1e-7)


def test_the_other_package_keeps_punctuation_and_case_and_an_empty_word():
    assert distinct_rouge_l("The cat,", "the cat").f == 0
    assert distinct_rouge_l("a. ", "a").f == pytest.approx(2 * (1 / 2) * 1 / (1 / 2 + 1), abs=1e-7)
    assert distinct_rouge_l("...", "a").f == distinct_rouge_l("", "a").f == distinct_rouge_l("a", "").f == 0


def test_the_other_package_shortens_the_reply_at_ties():
    # "b a" and "a b": the subsequence found in the reference is its second word, "b", never the first.
    assert distinct_rouge_l("b a", "a b. b").f == distinct_rouge_l("b a", "a b").f


def test_the_other_package_gives_up_at_the_limit_of_recursion():
    # 990 words before the one in common are 991 steps back: one too many for the package under Python 3.11.
    words = " ".join(f"w{n}" for n in range(990))
    assert distinct_rouge_l("X " + words, "X", deepest=991).f == 0
    assert distinct_rouge_l("X " + words.removesuffix(" w989"), "X", deepest=991).f > 0
    assert distinct_rouge_l("X " + words, "X").f > 0


def test_all_three_numbers_are_those_of_the_other_package():
    # Numbers of rouge 1.0.1.
    wanted = {1: (0.6153846153846154, 2 / 3, 0.6399999950080001), 2: (4 / 15, 4 / 13, 0.285714280739796)}
    for n, numbers in wanted.items():
        assert distinct_rouge_n(PREDICTION, REFERENCE, n) == pytest.approx(numbers, abs=1e-12)
    assert distinct_rouge_l(PREDICTION, REFERENCE) == pytest.approx((6 / 13, 0.5, 0.47999999500800006), abs=1e-12)


def test_the_other_package_counts_words_once_however_often_they_come():
    assert distinct_rouge_n("a a a a", "a b", 1).precision == 1.0
    assert distinct_rouge_l("a a a a", "a b") == pytest.approx((0.5, 1.0, 2 / 3), abs=1e-7)


def test_the_other_package_has_nothing_for_texts_without_a_sentence():
    for text in ("", "...", "."):
        found = distinct_rouge_n(text, "a b", 1), distinct_rouge_l(text, "a b"), distinct_rouge_l("a b", text)
        assert found == (NOTHING, NOTHING, NOTHING)
