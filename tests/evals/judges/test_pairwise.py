"""Pairwise: a win needs both orders."""

import asyncio
from collections.abc import Sequence

import pytest

from longspan.evals.judges.judge import Judge, bill
from longspan.evals.judges.pairwise import POINTS, chosen, prefer
from longspan.lm.lm import Message
from longspan.lm.scripted import Scripted


def compared(replies: Sequence[str]):
    lm = Scripted(replies)
    return asyncio.run(prefer(Judge(lm), task="Sum up.", first="short", second="long")), lm


@pytest.mark.parametrize(
    ("there", "back", "found"),
    [
        ("A", "B", "first"),
        ("B", "A", "second"),
        ("A", "A", "tie"),
        ("B", "B", "tie"),
        ("tie", "tie", "tie"),
        ("A", "tie", "tie"),
        ("tie", "A", "tie"),
    ],
)
def test_a_win_needs_both_orders(there: str, back: str, found: str) -> None:
    verdict, lm = compared([f"Better: {there}", f"Better: {back}"])
    assert verdict.value == found
    shown = [call.messages[0].content for call in lm.calls]
    assert shown[0].index("short") < shown[0].index("long")
    assert shown[1].index("long") < shown[1].index("short")


def test_a_judge_that_likes_the_first_place_calls_nothing_better() -> None:
    judge = Judge(Scripted(lambda messages: "Better: A"))
    verdicts = asyncio.run(judge.each(["x", "y"], lambda text: prefer(judge, task="?", first=text, second=text * 2)))
    assert [verdict.value for verdict in verdicts] == ["tie", "tie"]
    assert bill(verdicts).calls == 4


def test_a_judge_of_substance_is_followed_whatever_the_order() -> None:
    def longest(messages: Sequence[Message]) -> str:
        text = messages[0].content
        a, b = (text.split(f"<reply_{name}>\n")[1].split("\n</")[0] for name in "AB")
        return f"Better: {'A' if len(a) > len(b) else 'B'}"

    judge = Judge(Scripted(longest))
    assert asyncio.run(prefer(judge, task="?", first="long answer", second="no")).value == "first"
    assert asyncio.run(prefer(judge, task="?", first="no", second="long answer")).value == "second"


def test_half_a_comparison_is_none() -> None:
    verdict, lm = compared(["Better: A", "hard to say", "I cannot"])
    assert verdict.value is None
    assert len(lm.calls) == len(verdict.replies) == 3


def test_a_choice_is_one_of_three_on_its_own_line() -> None:
    assert chosen("They differ.\n**Better: Tie**") == "tie"
    assert chosen("Better: A\nBetter: B") is None
    assert chosen("A") is None
    assert POINTS == {"first": 1.0, "tie": 0.5, "second": 0.0}
