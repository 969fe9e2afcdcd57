import pytest

from longspan.evals.metrics.citations import NOTHING, average, by_model, cited, of_gold, score, without_citations


def judge(*true):
    """Entailment that holds for the named sets of passages, whatever the sentence; and what was asked."""
    asked = []

    def entails(ids, number):
        asked.append((ids, number))
        return ids in true

    return entails, asked


def test_marks_are_read_and_removed_as_officially():
    assert cited("a [3][12], [4, 5] and [0]") == [2, 11, 3, -1]
    assert without_citations("It rained [1][2], hard [3].") == "It rained, hard."


def test_unneeded_passages_cost_precision():
    entails, _ = judge((0, 1), (0,))  # 0 alone is enough, 1 is not needed
    assert score(["It rained [1][2]."], 5, entails) == (1.0, 0.5, pytest.approx(2 / 3))


def test_passages_that_hold_only_together_are_all_needed():
    entails, asked = judge((0, 1))
    assert score(["It rained [1][2]."], 5, entails) == (1, 1, 1)
    assert asked == [((0, 1), 0), ((0,), 0), ((1,), 0), ((1,), 0), ((0,), 0)]


def test_sentences_without_right_citations_cost_recall():
    entails, asked = judge((0,))
    assert score(["It rained [1].", "It snowed.", "It hailed [9].", "It blew [2]."], 5, entails) == (
        1 / 4,
        1 / 2,
        pytest.approx(1 / 3),
    )
    assert asked == [((0,), 0), ((1,), 3)]  # [9] is out of range and its citation does not count


def test_three_citations_count():
    entails, asked = judge((0, 1, 2), (0,), (1,), (2,))
    assert score(["It rained [1][2][3][4]."], 5, entails) == (1, 1, 1)
    assert all(3 not in ids for ids, _ in asked)


def test_a_reply_without_sentences_has_no_score():
    assert score([], 5, judge()[0]) is None


def test_a_model_judges_texts_without_marks():
    seen = []

    def nli(premise, claim):
        seen.append((premise, claim))
        return True

    said = ["It rained [1][2]."]
    assert score(said, 2, by_model(said, ["rain fell", "it was wet"], nli)) == (1, 1, 1)
    assert seen[0] == ("rain fell\nit was wet", "It rained.")


def test_known_passages_need_no_judge():
    assert of_gold([1, 2, 9], [1, 2]) == (1, pytest.approx(2 / 3), pytest.approx(0.8))
    assert of_gold([], [1]) == (0, 0, 0)


def test_no_passage_is_cited_where_there_is_none():
    entails, asked = judge()
    assert score(["It rained [0].", "It blew [1]."], 0, entails) == NOTHING
    assert asked == []


def test_replies_without_sentences_are_left_out_of_the_mean():
    assert average([(1, 0.5, 0.6), None, (0, 0.5, 0)]) == (0.5, 0.5, 0.3)
    assert average([None]) == NOTHING
