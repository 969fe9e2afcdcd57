import random

import pytest
from tests.evals.replay import asked

from longspan.evals.metrics import longbench as rules
from longspan.evals.task import Graded

RULES = [rule for rule in vars(rules).values() if isinstance(rule, rules.Rule)]
PIECES = ["", "\n", " ", ".", "`", "#", "a", "The", "Paragraph", "3", "12345", "é", "段落", "。", "\u2028", "\ud800"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_no_rule_raises_on_odd_replies(rule):
    rng = random.Random(0)
    sample = asked("Paragraph 3", classes=["Paragraph", "3"], length=1)
    for _ in range(50):
        reply = "".join(rng.choice(PIECES) for _ in range(rng.randint(0, 12)))
        assert 0 <= rule.grade(reply, sample) <= 1


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_no_reply_scores_nothing(rule):
    assert rule.grade("", asked("Paragraph 3", classes=["Paragraph 3"])) == 0


def test_the_best_reference_counts():
    assert rules.QA_F1.grade("Nobel", asked("peace", "Alfred Nobel")) == pytest.approx(2 / 3)


def test_the_first_line_alone_counts_where_models_go_on():
    sample = asked("Food", classes=["Food", "Date"])
    assert rules.CLASSIFICATION_FIRST.grade("\n\nFood\nQuestion: Date", sample) == 1
    assert rules.QA_F1_FIRST.grade("\nParis\nQuestion: ...", asked("Paris")) == 1
    assert rules.QA_F1.grade("\nParis\nQuestion: ...", asked("Paris")) == pytest.approx(2 / 3)
    assert rules.CLASSIFICATION_FIRST.grade(" \nFood", sample) == 0


def test_a_class_name_counts_by_how_many_are_mentioned():
    sample = asked("Date", classes=["Food", "Date", "City"])
    assert rules.CLASSIFICATION_FIRST.grade("Date or City", sample) == 1 / 2
    assert rules.CLASSIFICATION_FIRST.grade("City", sample) == 0


def test_of_two_names_in_a_row_that_are_part_of_the_reference_one_stays():
    # Both "Other" and "Other loc" are inside; removing the first shifts the second past the walk, as in the original.
    sample = asked("Other location", classes=["Other", "Other loc", "Other location"])
    assert rules.CLASSIFICATION_FIRST.grade("Other location", sample) == 1 / 2
    apart = asked("Other location", classes=["Other", "Other location", "Other loc"])
    assert rules.CLASSIFICATION_FIRST.grade("Other location", apart) == 1


@pytest.mark.parametrize("answer", ["Paragraph 3", "段落3"])
def test_retrieval_is_the_share_of_right_numbers(answer):
    assert rules.RETRIEVAL.grade("3, or 13, or 3", asked(answer)) == pytest.approx(2 / 3)
    assert rules.RETRIEVAL.grade("03", asked(answer)) == 0
    assert rules.COUNT.grade("There are 7 or 8.", asked("8")) == 1 / 2


def test_code_is_compared_by_the_first_line_without_comment_in_whole_percents():
    assert rules.CODE.grade("\n```python\n# so\nx = 1  // y\nx = 2\nz", asked("x = 2")) == 1
    assert rules.CODE.grade("abcd", asked("bcde")) == 0.75  # two thirds of the letters are in one block: 2 * 3 / 8
    assert rules.CODE.grade("abc", asked("ab")) == 0.8
    assert rules.CODE.grade("ab", asked("abcde")) == 0.57  # 4 / 7
    assert rules.CODE.grade("# only", asked("x")) == 0


def test_code_is_compared_as_difflib_does_and_not_as_levenshtein_does():
    # difflib: the longest block "cd", nothing left of it in order; an edit distance would match "a" and "b" as well.
    assert rules.CODE.grade("abcd", asked("cdab")) == 0.5
    assert rules.CODE.grade("axbxcdd", asked("cddaybz")) == round(2 * 3 / 14, 2)


def test_rouge_is_capped_by_the_recursion_of_its_package():
    long = " ".join(f"w{n}" for n in range(989))
    assert rules.ROUGE.grade(f"X {long}", asked("X")) > 0
    assert rules.ROUGE.grade(f"X {long} more", asked("X")) == 0


def test_chinese_words_are_cut_by_jieba():
    assert rules.QA_F1_CHINESE.grade("我们去北京。", asked("北京")) == pytest.approx(1 / 2)
    assert rules.ROUGE_CHINESE.grade("去 北京", asked("我们去北京")) == pytest.approx(2 * 2 / (2 + 3), abs=1e-7)


def test_long_chinese_texts_score_nothing_officially_and_something_with_us():
    reply, reference = "北京" + "、苹果" * 300, "北京" + "。香蕉" * 300
    assert rules.ROUGE_CHINESE.grade(reply, asked(reference)) == 0
    assert rules.ROUGE_CHINESE_UNLIMITED.grade(reply, asked(reference)) > 0
    assert rules.ROUGE_CHINESE_UNLIMITED.grade("北京", asked("北京")) == rules.ROUGE_CHINESE.grade(
        "北京", asked("北京")
    )


def test_lengths_weigh_the_same_however_many_samples_they_have():
    scores = [(1.0, 3999), (0.0, 3999), (1.0, 4000), (0.0, 8000), (0.0, 20000), (1.0, 7999)]
    found = [Graded(asked("a", length=length), "", score) for score, length in scores]
    assert rules.by_length(found) == {"0-4k": 0.5, "4-8k": 1.0, "8k+": 0.0}
    assert rules.mean_by_length(found) == 0.5
    assert rules.by_length(found[:2]) == {"0-4k": 0.5}
    assert rules.mean_by_length(found[2:3]) == 1
    assert rules.mean_by_length([]) == 0
