"""CircularEval: right wherever it stands."""

import asyncio
import re
from collections.abc import Sequence

import pytest

from longspan.core.errors import InputError
from longspan.evals.judges.circular import Question, circle, reader
from longspan.evals.judges.judge import Judge
from longspan.lm.lm import Message
from longspan.lm.scripted import Scripted

QUESTION = Question("Which is a fruit?", ("brick", "pear", "lamp", "door"), right=1)


def test_rotations_put_every_option_in_every_place_once() -> None:
    turned = QUESTION.rotations()
    assert [each.options[each.right] for each in turned] == ["pear"] * 4
    assert turned[1].options == ("pear", "lamp", "door", "brick")
    for place in range(4):
        assert {each.options[place] for each in turned} == set(QUESTION.options)


def test_one_who_knows_is_right_in_every_rotation() -> None:
    def knows(messages: Sequence[Message]) -> str:
        return "Answer: " + re.findall(r"(\w)\. pear", messages[0].content)[0]

    verdict = asyncio.run(circle(Judge(Scripted(knows)), QUESTION))
    assert verdict.value is not None
    assert verdict.value.chosen == (1, 1, 1, 1)
    assert (verdict.value.first, verdict.value.all) == (True, True)
    assert len(verdict.replies) == 4
    assert verdict.usage.completion_tokens == 8


def test_one_who_always_says_b_is_right_once_and_fails() -> None:
    verdict = asyncio.run(circle(Judge(Scripted(lambda messages: "Answer: B")), QUESTION))
    assert verdict.value is not None
    assert verdict.value.chosen == (1, 2, 3, 0)
    assert (verdict.value.first, verdict.value.all, verdict.value.unparsable) == (True, False, 0)


def test_an_unreadable_rotation_is_counted_and_not_right() -> None:
    lm = Scripted(["Answer: B", "who knows", "really", "Answer: D", "Answer: C"])
    verdict = asyncio.run(circle(Judge(lm), QUESTION))
    assert verdict.value is not None
    assert verdict.value.chosen == (1, None, 1, 1)
    assert (verdict.value.all, verdict.value.unparsable) == (False, 1)


def test_a_letter_alone_is_an_answer_and_a_sentence_is_none() -> None:
    read = reader(("x", "y", "z"))
    assert [read(text) for text in ("B", " (c). ", "answer: a", "**Answer: (B)**")] == [1, 2, 0, 1]
    assert [read(text) for text in ("D", "A or B", "A good one", "Answer: D", "Answer: A\nAnswer: B", "")] == [None] * 6


def test_a_question_needs_two_options_and_a_right_one() -> None:
    for options, right in ((("x",), 0), (("x", "y"), 2), (("x", "y"), -1)):
        with pytest.raises(InputError, match="no choice"):
            Question("?", options, right)
