import random

import pytest
from tests.evals.replay import asked

from longspan.evals.metrics import infinitebench as rules
from longspan.evals.task import Rule

LABELS = {
    rules.PASSKEY: "71432",
    rules.KV: "c14c-ba",
    rules.DIALOGUE: ["ACE", "ACE ROTHSTEIN"],
    rules.DIALOGUE_ANY: ["ACE", "ACE ROTHSTEIN"],
    rules.CHOICE: ["Georgie", "A"],
    rules.DEBUG: ["repack", "B"],
    rules.DEBUG_FRONT: ["repack", "B"],
    rules.RUN: 4,
    rules.FIND: 88,
    rules.CALCULATE: [1, 4, 2],
    rules.CALCULATE_GPT4: [1, 4, 2],
    rules.ANSWER: ["in the war"],
    rules.ANSWER_CHINESE: ["田归农、商老太"],
    rules.SUMMARY: ["Jennifer walks\nto the sea"],
}
RIGHT = ["The key: 71432.", '"c14c-ba"', "Ace.", "Ace", "A. Georgie", "B. repack", "(B)", "It is 4.", "88", "[1, 4, 2]"]
RIGHT += ["[9, 1, 4, 2]", "war in", "商老太、田归农", "Jennifer walks to\nthe sea"]


def grade(rule: Rule, reply: str, label: object) -> float:
    return rule.grade(reply, asked(label=label))


@pytest.mark.parametrize(
    ("rule", "label", "reply"), [(*each, reply) for each, reply in zip(LABELS.items(), RIGHT, strict=True)]
)
def test_right_replies_score_1_and_none_scores_0(rule, label, reply):
    if rule is not rules.SUMMARY:
        assert grade(rule, reply, label) == 1
    assert grade(rule, "", label) == 0


@pytest.mark.parametrize("rule", LABELS, ids=lambda rule: rule.name)
def test_no_rule_raises_on_odd_replies(rule):
    rng = random.Random(0)
    pieces = [
        "",
        " ",
        "A",
        "answer is",
        "answer:",
        "is:",
        "9" * 5000,
        "-",
        "_",
        ".",
        "1",
        "²",
        "٤",
        "\n",
        "ACE",
        "\ud800",
    ]
    for _ in range(100):
        reply = "".join(rng.choice(pieces) for _ in range(rng.randint(0, 9)))
        assert 0 <= grade(rule, reply, LABELS[rule]) <= 1


def test_the_first_digits_are_the_number():
    assert grade(rules.PASSKEY, "Of 2 keys it is 71432", "71432") == 0
    assert grade(rules.PASSKEY, "714 32", "71432") == 0
    assert grade(rules.PASSKEY, "71432", ["71432"]) == 1


def test_a_value_is_a_whole_word():
    assert grade(rules.KV, "c14c-baa", "c14c-ba") == 0
    assert grade(rules.KV, "{key:c14c-ba}", "c14c-ba") == 1


def test_the_official_rule_knows_the_first_name_alone_and_ours_all():
    names = ["SAM ROTHSTEIN", "ACE"]
    assert grade(rules.DIALOGUE, "Ace", names) == grade(rules.DIALOGUE, "Sam Rothstein", names) == 0
    assert grade(rules.DIALOGUE_ANY, "Ace", names) == grade(rules.DIALOGUE_ANY, "It is Sam Rothstein.", names) == 1
    assert grade(rules.DIALOGUE_ANY, "Pace, or Sam and Rothstein", names) == 0


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("A man", 1),  # a letter in front is the choice, whatever follows
        ("B", 0),
        ("Georgie", 1),
        ("The answer is: A", 1),
        ("The answer is:A", 0),  # one character after the phrase is skipped
        ("The answer is: B, not A", 0),
        ("the answer is Georgie", 1),
        ("the answer is", 0),
        ("I think that A fits, not B", 1),
        ("neither", 0),
    ],
)
def test_choices_are_found_in_front_then_behind_a_phrase_then_anywhere(reply, score):
    assert grade(rules.CHOICE, reply, ["Georgie", "A"]) == score


@pytest.mark.parametrize(
    ("reply", "official", "ours"),
    [
        ("B.", 1, 1),
        ("B: repack", 1, 1),
        ("B", 0, 1),
        ("(B) repack", 0, 1),
        ("Final answer: `repack`", 1, 1),
        ("Final answer:repack", 0, 0),  # one character after the phrase is skipped
        ("correct option is: Option B", 1, 1),
        ("answer is: C", 0, 0),
        ("A. other, not B.", 0, 0),
        ("C", 0, 0),
        ("Both are fine", 0, 0),
        ("repack", 0, 1),
    ],
)
def test_functions_are_chosen_officially_by_phrases_and_with_us_by_the_letter_too(reply, official, ours):
    assert grade(rules.DEBUG, reply, ["repack", "B"]) == official
    assert grade(rules.DEBUG_FRONT, reply, ["repack", "B"]) == ours


def test_the_last_word_is_what_a_function_returns():
    assert grade(rules.RUN, "func_1(4) returns 5", 4) == 0
    assert grade(rules.RUN, "The value is: `-4`.", -4) == 1
    assert grade(rules.RUN, "4 is it", 4) == 0
    assert grade(rules.RUN, "4", [4]) == 1


def test_signs_are_lost_and_fractions_are_no_whole_numbers():
    assert grade(rules.FIND, "-88 or 9", 88) == 1
    assert grade(rules.FIND, "88.0", 88) == 0
    assert grade(rules.FIND, "It is 44.5", [44.5]) == 1
    assert grade(rules.FIND, "44", 44.0) == 1


def test_values_count_up_to_the_first_wrong_one():
    assert grade(rules.CALCULATE, "[1, 4, 3, 5]", [1, 4, 2, 5]) == 0.5
    assert grade(rules.CALCULATE, "1, -4", [[1, 4, 2, 5]]) == 0.5
    assert grade(rules.CALCULATE, "0, 1, 4, 2, 5", [1, 4, 2, 5]) == 0
    assert grade(rules.CALCULATE_GPT4, "0, 1, 4, 2, 5", [1, 4, 2, 5]) == 1


def test_chinese_answers_are_compared_by_character():
    assert grade(rules.ANSWER_CHINESE, "田归", ["田归农", "x"]) == pytest.approx(2 / (2 + 1 / 2))
    assert grade(rules.ANSWER, "The War", ["peace", "a war!"]) == 1


def test_summaries_are_compared_line_by_line_with_the_best_reference():
    # "to the sea" and "jennifer walks to" of the reply's lines: "jennifer walks", "to", "the sea" are all found.
    assert grade(rules.SUMMARY, "Jennifer walks to\nthe sea", ["x", "Jennifer walks\nto the sea"]) == pytest.approx(1)
    assert grade(rules.SUMMARY, "the sea", "sea the") == pytest.approx(1 / 2)
