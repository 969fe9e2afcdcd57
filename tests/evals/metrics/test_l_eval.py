import random

import pytest
from tests.evals.replay import asked

from longspan.evals.metrics import l_eval as rules
from longspan.evals.task import Graded

RULES = [rule for rule in vars(rules).values() if isinstance(rule, rules.Rule)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize("reference", ["B", "AC", "True [fact: False]", "12", "The role of art", "", "odd"])
def test_no_rule_raises_on_odd_replies(rule, reference):
    rng = random.Random(0)
    pieces = ["", " ", "A", "(B)", "Question", "[fact:", "]", "true", "nan", "1e999", "12", ".", "\n\n", "²", "\ud800"]
    for _ in range(60):
        reply = "".join(rng.choice(pieces) for _ in range(rng.randint(0, 8)))
        assert 0 <= rule.grade(reply, asked(reference)) <= 1


@pytest.mark.parametrize(
    ("reply", "reference", "score"),
    [
        ("B", "(B) Their subconscious", 1),
        ("The letter is C", "C", 1),
        ("Answer: C", "C", 0),  # the A of "Answer"
        ("none fits", "A", 1),  # no letter at all chooses A
        ("", "A", 0),
        ("AB", "A", 0),
    ],
)
def test_the_first_letter_is_the_choice(reply, reference, score):
    assert rules.CHOICE.grade(reply, asked(reference)) == score


@pytest.mark.parametrize(
    ("reply", "reference", "score"),
    [
        ("CA", "AC", 1),
        ("A", "AC", 0.25),
        ("AB", "AC", 0),
        ("ABC", "ABC", 1),
        ("A. and C. are right", "AC", 1),
        ("The options are B) and D.", "BD", 1),
        ("C. Question 2. A.", "C", 1),
        ("it is BDx", "BD", 1),
        ("nothing", "AB", 0.25),  # which chooses A
    ],
)
def test_some_of_several_right_letters_are_a_quarter(reply, reference, score):
    assert rules.SEVERAL.grade(reply, asked(reference)) == score


@pytest.mark.parametrize(
    ("reply", "reference", "score"),
    [
        ("She earns $18 a day. The answer is $18.", "18", 1),
        ("The answer is 1,800.50", "1800", 1),
        ("first 5 then 18 apples\n\nsee 7", "18", 1),
        ("18 then 5", "18", 0),
        ("The answer is eighteen", "18", 0),
        ("no number", "18", 0),
    ],
)
def test_numbers_follow_the_phrase_or_end_the_first_paragraph(reply, reference, score):
    assert rules.MATH.grade(reply, asked(reference)) == score


def test_code_output_is_looked_for_behind_the_phrase_or_at_the_end():
    reference = "[6 15]"  # two words: five are looked at
    assert rules.CODE.grade("So the final output of the code will be: [6 16]", asked(reference)) == 0
    assert rules.CODE.grade("So the final output of the code will be: [6, 15]", asked(reference)) == 1
    assert rules.CODE.grade("a b c d e [6 15] f g h", asked(reference)) == 1
    assert rules.CODE.grade("[6 15] a b c d", asked(reference)) == 0
    assert rules.CODE.grade("it prints 1230", asked("12")) == 1  # contained is enough
    assert rules.CODE.grade("[ [1.0 2] [3] ]", asked("[[1 2][3]]")) == 1


def test_what_the_story_and_the_world_have_are_half_each():
    reference = asked("True [fact: False]")
    assert rules.JUDGEMENT.grade("True [fact: False]", reference) == 1
    assert rules.JUDGEMENT.grade("It is true. [fact: That is True.]", reference) == 0.5
    assert rules.JUDGEMENT.grade("True", reference) == 0.5
    assert rules.JUDGEMENT.grade("maybe [fact: unknown]", reference) == 0


def test_topics_are_averaged_by_their_position():
    scores = [1, 1, 0, 1, 0, 0, 1]
    found = [Graded(asked("x"), "", score) for score in scores]
    assert rules.by_position(found) == {"first": 1, "second": 0.5, "third": 0}
    assert rules.mean_by_position(found) == 0.5
    assert rules.mean_by_position([]) == 0
    assert rules.TOPIC.grade("It was The Role of art!", asked("the role of Art")) == 1


def test_the_score_of_summaries_is_the_geometric_mean_of_means_and_not_the_mean():
    found = [
        Graded(asked("a b c d"), reply, rules.ROUGE.grade(reply, asked("a b c d"))) for reply in ("a b c d", "d a")
    ]
    # Means: 1-grams (1 + 2*2/6) / 2, 2-grams (1 + 0) / 2, subsequence (1 + 2*1/6) / 2.
    assert rules.geometric_mean(found) == pytest.approx(((5 / 6) * (1 / 2) * (4 / 6)) ** (1 / 3))
    assert [each.score for each in found] == [1, 0]
    assert rules.geometric_mean([]) == 0


def test_f1_is_squads():
    assert rules.F1.grade("the 25 April, 2018", asked("April 25 , 2018")) == 1
