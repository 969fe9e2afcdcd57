"""What holds for every language model, wherever it runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
from tests.lm.fake_server import CHAT, answer, part, spent, stream

from longspan.lm.http import Http
from longspan.lm.lm import LM, Message, OverLength
from longspan.lm.scripted import Scripted

SAYING = "The cat is on the mat. It sleeps."
ASK = [Message("user", "Where is the cat?")]


def serve(handler, request) -> None:
    """A server that keeps the rules: the model behind it is the scripted one."""
    body = request.body
    messages = [Message(turn["role"], turn["content"]) for turn in body["messages"]]
    try:
        reply = asyncio.run(
            Scripted(SAYING, window=20)(messages, max_tokens=body["max_tokens"], stop=body.get("stop", ()))
        )
    except OverLength as error:
        refused = {"code": "context_length_exceeded", "message": str(error), "n_prompt_tokens": error.tokens}
        return answer(400, {"error": refused})(handler, request)
    usage = spent(reply.usage.prompt_tokens, reply.usage.completion_tokens)
    return stream(*[part(sign) for sign in reply.text], part("", reply.finish), usage)(handler, request)


@pytest.fixture(params=["scripted", "http"])
def make(request, fake) -> Callable[[], LM]:
    fake.on(CHAT, serve)
    return {
        "scripted": lambda: Scripted(lambda messages: SAYING, window=20),
        "http": lambda: Http(f"{fake.url}#m", window=20),
    }[request.param]


def call(lm: LM, messages=ASK, **settings):
    return asyncio.run(lm(messages, **{"max_tokens": 12, **settings}))


def test_same_call_same_reply(make):
    lm = make()
    assert call(lm, seed=1) == call(lm, seed=1) == call(make(), seed=1)
    assert call(lm).text == SAYING


def test_pieces_put_together_are_the_text(make):
    pieces: list[str] = []
    reply = call(make(), on_text=pieces.append)
    assert len(pieces) > 1
    assert "".join(pieces) == reply.text


def test_a_reply_ends_before_its_stop_string(make):
    reply = call(make(), stop=["sofa", " mat"])
    assert (reply.text, reply.finish) == ("The cat is on the", "stop")


def test_max_tokens_end_a_reply(make):
    reply = call(make(), max_tokens=3)
    assert (reply.text, reply.finish, reply.usage.completion_tokens) == ("The cat is", "length", 3)


def test_beyond_the_window_is_over_length(make):
    with pytest.raises(OverLength) as caught:
        call(make(), [Message("user", "cat " * 30)])
    assert (caught.value.window, caught.value.tokens) == (20, 30)


def test_calls_at_the_same_time_give_what_they_give_alone(make):
    lm = make()

    async def both():
        return await asyncio.gather(lm(ASK, max_tokens=12), lm(ASK, max_tokens=2))

    assert asyncio.run(both()) == [call(lm), call(lm, max_tokens=2)]


def test_counting_grows_with_the_text(make):
    lm = make()
    assert lm.count("") == 0
    assert 0 < lm.count("a cat") < lm.count("a cat on a mat")
    assert lm.count(ASK) >= lm.count(ASK[0].content)
    assert isinstance(json.dumps(lm.name), str)
