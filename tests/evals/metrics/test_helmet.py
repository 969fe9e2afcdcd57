"""HELMET's rules, case by case; rankings against trec_eval's numbers."""

from math import log2
from typing import Any

import pytest

from longspan.evals.metrics import helmet
from longspan.evals.task import Sample


def sample(*answers: str, **data: Any) -> Sample:
    return Sample(task="t", id="", before="", context="", after="", answers=answers, max_tokens=0, data=data)


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("Answer: Paris\nFrance", "Paris"),
        ("It is so. ANSWER:  Paris", "Paris"),
        ("Answer: Answer: Paris", "Paris"),
        ("Paris\nAnswer:", ""),
        ("Paris, France\nmore", "Paris, France"),
        ("", ""),
    ],
)
def test_the_line_after_the_prefix_is_what_is_parsed(reply: str, found: str) -> None:
    assert helmet.parsed(reply) == found


def test_an_answer_may_occur_anywhere_once_normalized() -> None:
    wanted = sample("The Eiffel-Tower", "tower")
    assert helmet.substring("it's an EiffelTower!", wanted) == 1
    assert helmet.substring("the tow er", wanted) == 0
    assert helmet.substring("", wanted) == 0


def test_a_value_counts_behind_its_prefix_and_anywhere_else() -> None:
    wanted = sample("x1", prefix="corresponding value:")
    assert helmet.substring("Corresponding value: x1", wanted) == 1
    assert helmet.substring("corresponding value: x2\nx1", wanted) == 1


@pytest.mark.parametrize(
    ("reply", "score"),
    [("label: 12", 1), ("12", 1), ("Label: 12.\nlabel: 3", 1), ("label: 1 2", 0), ("121", 0), ("so 12", 0), ("", 0)],
)
def test_a_label_is_all_that_follows_its_prefix(reply: str, score: float) -> None:
    assert helmet.label(reply, sample("12")) == score


def test_recall_is_the_share_found() -> None:
    assert helmet.recall("ab CD", sample("AB", "cd", "ef")) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("reply", "places"),
    [
        ("Ranking: ID3 > ID1 > ID2", ["3", "1", "2"]),
        ("[ID: 3] > [ID: 1]\nof 5 > 6 > 7 I liked", ["5", "6", "7"]),
        ("3>3>1", ["3", "1"]),
        ("7", ["7"]),
        ("none", ["none"]),
        ("", [""]),
    ],
)
def test_the_longest_chain_is_the_ranking(reply: str, places: list[str]) -> None:
    assert helmet.ranking(reply) == places


def test_ndcg_is_that_of_the_worked_example() -> None:
    relevance = {"a": 3, "b": 2, "c": 0, "d": 1}
    ideal = 3 + 2 / log2(3) + 1 / 2
    assert helmet.ndcg(["b", "x", "a"], relevance) == pytest.approx((2 + 3 / 2) / ideal)
    assert helmet.ndcg(["a", "b", "d"], relevance) == pytest.approx(1)
    assert helmet.ndcg([], relevance) == 0
    assert helmet.ndcg(["a"], {"a": 0}) == 0


def test_ndcg_is_that_of_trec_eval() -> None:
    # pytrec_eval, ndcg_cut_10
    relevance = {str(number): number % 4 for number in range(1, 30)}
    for reply, score in TREC:
        assert helmet.reranked(reply, sample(qrel=list(relevance.items()))) == pytest.approx(score, abs=1e-5)


def test_short_answers_and_lists_are_compared_without_citations() -> None:
    asqa = sample(sets=[["May 5"], ["the moon", "luna"], ["Mars"]])
    assert helmet.short_answers("On May 5 [1][2].\n\nIt saw Luna [3].", asqa) == pytest.approx(2 / 3)
    qampari = sample(sets=[["Ann Lee", "A. Lee"], ["Bob"], ["Cid"], ["Dan"], ["Eve"], ["Fay"], ["Gus"]])
    assert helmet.listed("ann lee [1], bob [2], zed.", qampari) == pytest.approx(2 / 5)
    assert helmet.listed("A Lee, Bob, Cid, Dan, Eve, Fay", qampari) == 1
    assert helmet.listed("", qampari) == 0


TREC = [
    ("3 > 7 > 11 > 2 > 1", 0.60047),
    ("ID4 > ID8 > ID1", 0.03929),
    ("1 > 2 > 3 > 4 > 5 > 6 > 7 > 8 > 9 > 10 > 11 > 15", 0.52968),
    ("29", 0.07858),
    ("nothing here", 0.0),
]
