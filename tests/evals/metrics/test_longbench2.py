import pytest
from tests.evals.replay import asked

from longspan.evals.metrics.longbench2 import CHOICE, COMPENSATED, extract, parts
from longspan.evals.task import Graded


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("The correct answer is (B)", "B"),
        ("**The correct answer is C**", "C"),
        ("The correct answer is A. No: The correct answer is (D).", "D"),  # brackets go before order
        ("The correct answer is: B", None),
        ("the correct answer is (B)", None),
        ("The correct answer is (E)", None),
        ("B", None),
        ("", None),
    ],
)
def test_a_letter_is_extracted_behind_the_phrase_alone(reply, letter):
    assert extract(reply) == letter
    assert CHOICE.grade(reply, asked("B")) == (letter == "B")
    assert COMPENSATED.grade(reply, asked("B")) == (0.25 if letter is None else letter == "B")


def test_the_columns_are_those_of_the_official_table():
    rows = [(1, "easy", "short"), (0, "easy", "long"), (1, "hard", "medium"), (0, "hard", "short"), (0, "?", "?")]
    found = [Graded(asked("A", difficulty=hard, length=length), "", score) for score, hard, length in rows]
    wanted = {"Overall": 2 / 5, "Easy": 1 / 2, "Hard": 1 / 3, "Short": 1 / 2, "Medium": 1, "Long": 0}
    assert list(parts(found)) == list(wanted)
    assert parts(found) == pytest.approx(wanted)
    assert list(parts(found[:1])) == ["Overall", "Easy", "Short"]
