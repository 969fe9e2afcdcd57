"""The scripted model keeps the rules real ones have."""

from __future__ import annotations

import asyncio

import pytest

from longspan.lm.lm import Message, OverLength, Usage
from longspan.lm.scripted import Call, Scripted

ASK = [Message("system", "be brief"), Message("user", "where is the cat")]


def test_replies_come_in_turn_and_calls_are_remembered():
    lm = Scripted(["On the mat.", "Asleep."])
    first = asyncio.run(lm(ASK, max_tokens=10, temperature=0.5, seed=3, stop=["\n"]))
    assert (first.text, first.usage, first.finish, first.model) == ("On the mat.", Usage(6, 3), "stop", "scripted")
    assert asyncio.run(lm(ASK[1:], max_tokens=10)).text == "Asleep."
    assert lm.calls == [Call(tuple(ASK), 10, 0.5, 3, ("\n",)), Call(tuple(ASK[1:]), 10, 0.0, 0, ())]
    with pytest.raises(LookupError, match="2 replies but was called 3 times"):
        asyncio.run(lm(ASK, max_tokens=10))


def test_a_function_may_answer_from_the_messages():
    lm = Scripted(lambda messages: messages[-1].content.upper())
    assert asyncio.run(lm(ASK, max_tokens=10)).text == "WHERE IS THE CAT"


def test_one_text_is_one_reply():
    assert asyncio.run(Scripted("yes indeed")(ASK, max_tokens=10)).text == "yes indeed"


def test_spaces_survive():
    assert asyncio.run(Scripted(["  a\n\n b \n"])(ASK, max_tokens=2)).text == "  a\n\n b \n"


@pytest.mark.parametrize(("window", "fits"), [(16, True), (15, False)])
def test_prompt_and_reply_share_the_window(window, fits):
    lm = Scripted(["a"], window=window)
    if fits:
        assert asyncio.run(lm(ASK, max_tokens=10)).text == "a"
        return
    with pytest.raises(OverLength) as caught:
        asyncio.run(lm(ASK, max_tokens=10))
    assert (caught.value.tokens, caught.value.window, caught.value.max_tokens) == (6, 15, 10)
    assert "shorten the input by 1 token," in str(caught.value)
    assert not lm.calls
