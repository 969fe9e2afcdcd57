"""SCBench's rules, case by case."""

from typing import Any

import pytest

from longspan.evals.metrics import scbench
from longspan.evals.task import Graded, Sample


@pytest.mark.parametrize(
    ("rule", "reply", "label", "score"),
    [
        ("kv", 'It is "ab-1".', "ab-1", 1),
        ("kv", "AB-1", "ab-1", 0),
        ("passkey", "The key is 71432, not 5.", "71432", 1),
        ("passkey", "5, no, 71432", "71432", 0),
        ("passkey", "71432", 71432, 0),
        ("passkey", "none", "", 1),
        ("mf", "about 12.9 or so", 12, 1),
        ("mf", "12.9", 12.9, 1),
        ("mf", "-12", 12, 1),
        ("mf", "many", 12, 0),
        ("mf", "9" * 5000, 12, 0),
        ("mf", "7", [7], 1),
        ("qa_eng", "it was JOHN smith", ["John"], 1),
        ("qa_eng", "Jo", ["John"], 0),
        ("many_shot", "the answer (B)", "(A)", 1),
        ("vt", "AB, cd", ["AB", "CD", "EF"], 0.67),
        ("vt", "", [], 0),
    ],
)
def test_short_references_are_looked_for_as_officially(rule: str, reply: str, label: Any, score: float) -> None:
    assert scbench.GRADERS[rule](reply, label) == score


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("B", 1),
        ("B. Paris", 1),
        ("Because it is far", 1),
        ("A wonderful man", 0),
        ("Paris", 1),
        ("The answer is: B", 1),
        ("The answer is: C, not B", 0),
        ("the option is  Paris", 1),
        ("surely B then", 1),
        ("I think (B)", 0),
        ("the answer is:", 0),
        ("no idea", 0),
        ("", 0),
    ],
)
def test_a_choice_is_read_as_officially(reply: str, score: float) -> None:
    assert scbench.choice(reply, ["Paris", "B"]) == score


def test_chinese_f1_counts_characters_without_punctuation() -> None:
    # officially the opening mark of a title stays: 3 of 5 and 3 of 3 in common
    assert scbench.chinese_f1("《红楼梦》吧。", ["红楼梦"]) == pytest.approx(2 * 3 / 8)
    assert scbench.chinese_f1("。", ["红楼梦"]) == 0
    assert scbench.chinese_f1("红", "红楼梦") == 1


def test_rouge_l_sum_is_that_of_the_package() -> None:
    # rouge_score 0.1.2, use_stemmer=False, fmeasure
    for reply, label, score in ROUGE:
        assert scbench.rouge_l_sum(reply, label) == pytest.approx(score, abs=1e-9)


def test_similarity_is_the_bleu_of_nltk_with_its_fourth_smoothing() -> None:
    # nltk 3.10.4, sentence_bleu([words], words, smoothing_function=SmoothingFunction().method4)
    for reply, function, score in BLEU:
        assert scbench.similarity(reply, function) == pytest.approx(score, abs=1e-9)


def test_the_code_block_of_a_reply_is_what_is_compared() -> None:
    function = "def f(x):\n    y = x + 1\n    return y"
    assert scbench.similarity(f"Here it is:\n```python\n{function}\n```\nDone.", function) == pytest.approx(1)
    assert scbench.similarity(f"Here it is: {function}", function) < 1
    assert scbench.similarity("", function) == 0


def graded(task: str, turn: int, score: float, reply: str = "", **data: Any) -> Graded:
    filled = {"task": task, "turn": turn, "label": "", "repo": "", "name": "", **data}
    return Graded(
        Sample(task="t", id="", before="", context="", after="", answers=(), max_tokens=0, data=filled), reply, score
    )


def test_the_total_is_the_mean_of_turns_and_of_subtasks() -> None:
    assert scbench.by_turns([graded("kv", 0, 1), graded("kv", 0, 0), graded("kv", 1, 1)]) == pytest.approx(0.75)
    mixed = [graded("summary", 0, 0.2), graded("passkey", 1, 1), graded("passkey", 1, 0), graded("passkey", 0, 1)]
    assert scbench.by_turns(mixed) == pytest.approx((0.2 + 0.75) / 2)
    assert scbench.by_turns([]) == 0


def test_a_function_is_found_when_no_other_of_its_repository_is_more_alike() -> None:
    one = "def add(first, second):\n    total = first + second\n    print(total)\n    return total"
    two = one.replace("print(total)", "show(total)")
    right = graded("repoqa", 0, 1, two, label=two, repo="r", name="two")
    wrong = graded("repoqa", 1, 1, two, label=one, repo="r", name="one")
    elsewhere = graded("repoqa", 2, 1, two, label=two, repo="s", name="two")
    assert scbench.by_turns([right, wrong, elsewhere]) == pytest.approx(2 / 3)


ROUGE = [
    ("The cat sat on the mat.", "A cat was on the mat", 0.6666666666666666),
    ("one two three\nfour five six", "four five one\nsix two seven two", 0.7692307692307692),
    ("a b a b\nb a", "b a b\na a b\nc", 0.923076923076923),
    ("", "word", 0),
    ("Running 3.5 miles", "ran 3 5 miles\n\nfar", 0.6666666666666665),
]
BLEU = [
    ("def f(x):\n  return x", "def f(x):\n  return x", 1.0),
    ("def f(x):\n  return x + 1", "def f(x):\n  y = x + 1\n  return y", 0.18660152436542707),
    ("return x", "def f(x):\n  return x", 0.08144431026514741),
    ("x", "x", 1.0),
    ("x", "x y", 0.36787944117144233),
    ("a b c d e f g", "a c e g b d f", 0.05263495780525082),
    ("zzz", "x y", 0.0),
    ("def g(a, b): a = a + b return a now and more", "def g(a, b): a = a + b return a", 0.7361703354503866),
]
