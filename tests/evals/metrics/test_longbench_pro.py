import random
from math import log2

import pytest
from tests.evals.replay import asked

from longspan.evals.metrics import longbench_pro as rules
from longspan.evals.task import Graded, Sample

RULES = [rule for rule in vars(rules).values() if isinstance(rule, rules.Rule)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_no_rule_raises_on_odd_replies(rule):
    rng = random.Random(0)
    for _ in range(60):
        reply = "".join(rng.choice(["", "a", "b", "\n", " ", "[Answer]", "[答案]", "\ud800"]) for _ in range(9))
        assert 0 <= rule.grade(reply, asked("a", "b", "a")) <= 1
    assert rule.grade("", asked("a", "b")) == 0


def test_the_answer_follows_the_last_mark():
    assert rules.answer_area("[Answer] a\n[Answer]\nb \n") == "b"
    assert rules.answer_area("[答案]a [Answer] b [答案] c") == "b [答案] c"
    assert rules.answer_area("x [答案] c") == "c"
    assert rules.answer_area(" c ") == "c"


def test_the_first_line_answers():
    assert rules.ACCURACY.grade("Thus [Answer]\n new   YORK \nor Rome", asked("New York")) == 1
    assert rules.ACCURACY.grade("It is [Answer] in New York", asked("New York")) == 0


def test_sets_of_lines_are_compared():
    assert rules.F1.grade("[Answer]\nb\na\na\nx", asked("a", "b")) == pytest.approx(2 * (2 / 3) * 1 / (2 / 3 + 1))
    assert rules.LINES.grade("a\nx\ny", asked("a", "b")) == 1 / 2


def test_gain_falls_with_rank_and_is_cut_at_the_number_of_references():
    best = 3 / log2(2) + 2 / log2(3) + 1 / log2(4)
    sample = asked("a", "b", "c")
    assert rules.NDCG.grade("a\nb\nc", sample) == 1
    assert rules.NDCG.grade("b\nx\na\nc", sample) == pytest.approx((2 / log2(2) + 3 / log2(4)) / best)
    assert rules.NDCG.grade("a\nb\na", sample) == pytest.approx((2 / log2(2) + 3 / log2(3)) / best)


def test_order_is_judged_over_the_pairs_of_the_reply():
    sample = asked("a", "b", "c")
    assert rules.PAIRWISE.grade("a\nc\nb", sample) == pytest.approx(2 / 3)
    assert rules.PAIRWISE.grade("a\nb", sample) == 1  # what is missing costs nothing
    assert rules.PAIRWISE.grade("a\nb\nc\nx", sample) == pytest.approx(3 / 6)
    assert rules.PAIRWISE.grade("a", sample) == rules.PAIRWISE.grade("a\nb", asked("a")) == 0
    assert rules.PAIRWISE.grade("a\nb", asked("a", "a", "b")) == 0  # 2 of 1 pairs: the official program drops it


def test_runs_are_averaged_before_questions():
    def run(question: str, score: float) -> Graded:
        sample = Sample(task="t", id="i", before="", context="", after="", answers=("a",), max_tokens=0, group=question)
        return Graded(sample, "", score)

    assert rules.mean_by_question([run("1", 1), run("1", 0), run("1", 0.5), run("2", 1)]) == 0.75
    assert rules.mean_by_question([]) == 0


def test_summaries_take_the_best_reference():
    assert rules.SUMMARY.grade("A cat sat", asked("a dog", "a  CAT sat")) == pytest.approx(1, abs=1e-7)
    chinese = asked("我们去北京", language="Chinese")
    assert rules.SUMMARY.grade("去北京", chinese) == pytest.approx(0.8, abs=1e-7)
    assert rules.SUMMARY.grade("去北京", asked("我们去北京")) == 0
