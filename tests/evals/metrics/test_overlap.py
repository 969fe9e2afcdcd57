import pytest

from longspan.evals.metrics.overlap import f1, harmonic, normalize, normalize_chinese, word_f1


def test_punctuation_goes_before_articles_as_in_squad():
    assert normalize("The a-n, cat's  an 'a' tea.") == "The cats tea"
    assert normalize("a.n apple") == "apple"


def test_chinese_loses_punctuation_and_space_but_the_opening_title_mark():
    assert normalize_chinese("《红楼梦》、 ABC 。【1】") == "《红楼梦abc1"


def test_f1_counts_repeated_items():
    assert f1(["a", "a", "b"], ["a", "b", "b", "c"]) == pytest.approx(2 * (2 / 3) * (2 / 4) / (2 / 3 + 2 / 4))
    assert f1([], ["a"]) == f1(["a"], []) == f1([], []) == 0


def test_the_best_reference_counts():
    assert word_f1("The Eiffel Tower", ["eiffel", "tower of Eiffel in Paris"]) == pytest.approx(2 / 3)
    assert word_f1("the eiffel tower!", ["x", "Eiffel tower"]) == 1
    assert word_f1("anything", []) == 0


def test_the_harmonic_mean_of_nothing_is_nothing():
    assert harmonic(0.5, 1) == pytest.approx(2 / 3)
    assert harmonic(0, 0) == harmonic(1, 0) == 0
