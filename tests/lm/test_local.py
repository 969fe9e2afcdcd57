"""A model on this machine answers as its generation does, and refuses what its window cannot hold."""

from __future__ import annotations

import asyncio

import pytest
from tests.models.tiny_model import tiny_model

from longspan.decode.generate import Generation, Limits
from longspan.kv.evict.streaming_llm import StreamingLLM
from longspan.kv.eviction import Eviction
from longspan.kv.reuse.prefix import PrefixCache
from longspan.lm.lm import Message, OverLength, Usage
from longspan.lm.local import Local
from longspan.models.method import Method
from longspan.models.session import Session

MODEL = tiny_model()
ASK = [Message("system", "Be brief."), Message("user", "What does yield do?")]
PROMPT = MODEL.chat([(message.role, message.content) for message in ASK])


def call(lm, messages=ASK, **settings):
    return asyncio.run(lm(messages, **{"max_tokens": 12, **settings}))


def test_the_reply_is_the_models_generation_after_its_chat_format():
    with MODEL.open(length=len(PROMPT) + 12) as session:
        generation = Generation(session, MODEL.decode, limits=Limits(12, ends=MODEL.ends))
        list(generation.run([PROMPT]))
        stored = session.nbytes()
    reply = call(Local(MODEL))
    assert reply.text == generation.replies[0].text
    assert reply.usage == Usage(len(PROMPT), len(generation.replies[0].tokens), kv_bytes=stored)
    assert (reply.finish, reply.model) == ("length", "tiny-llama")


def test_tokens_are_counted_by_its_own_tokenizer_with_the_chat_format_for_messages():
    lm = Local(MODEL)
    assert lm.count("What does yield do?") == len(MODEL.encode("What does yield do?"))
    assert lm.count(ASK) == len(PROMPT) > lm.count("Be brief.What does yield do?")
    assert (lm.window, lm.name) == (512, "tiny-llama")


def test_pieces_put_together_are_the_text():
    pieces: list[str] = []
    reply = call(Local(MODEL), on_text=pieces.append)
    assert "".join(pieces) == reply.text
    assert len(pieces) > 1


def test_a_stop_string_ends_the_reply():
    whole = call(Local(MODEL)).text
    stop = whole[4:6]
    reply = call(Local(MODEL), stop=[stop])
    assert (reply.text, reply.finish) == (whole[: whole.index(stop)], "stop")


def test_a_seed_decides_the_draws():
    first, again, other = (call(Local(MODEL), temperature=1.5, seed=seed).text for seed in (1, 1, 2))
    assert first == again != other


def test_prompt_and_reply_beyond_the_window_are_refused_with_the_numbers():
    with pytest.raises(OverLength, match=r"512") as caught:
        call(Local(MODEL), max_tokens=512 - len(PROMPT) + 1)
    assert (caught.value.tokens, caught.value.window) == (len(PROMPT), 512)
    assert call(Local(MODEL), [Message("user", "A")], max_tokens=3).usage.completion_tokens == 3


def test_a_begun_reply_is_continued_and_not_said_again():
    begun = MODEL.render([("user", "What does yield do?")]) + "It pauses"
    with MODEL.open() as session:
        generation = Generation(session, MODEL.decode, limits=Limits(5, ends=MODEL.ends))
        list(generation.run([MODEL.encode(begun)]))
    reply = call(
        Local(MODEL), [Message("user", "What does yield do?"), Message("assistant", "It pauses")], max_tokens=5
    )
    assert reply.text == generation.replies[0].text
    assert reply.usage.prompt_tokens == len(MODEL.encode(begun))


def test_what_just_fits_the_window_is_run():
    short = [Message("user", "yield " * 240)]
    room = 512 - Local(MODEL).count(short)
    assert 0 < room < 300
    assert call(Local(MODEL), short, max_tokens=room).usage.prompt_tokens == 512 - room


def test_its_method_runs(monkeypatch):
    opened, open_session = [], Session.__init__

    def listen(self, model, method, **settings):
        opened.append(method)
        open_session(self, model, method, **settings)

    monkeypatch.setattr(Session, "__init__", listen)
    method = Method(kv=Eviction(StreamingLLM(4), 16))
    call(Local(MODEL, method=method))
    assert opened == [method]


def test_calls_that_overlap_get_what_they_get_alone():
    lm = Local(MODEL)
    asks = [[Message("user", f"What is {word}?")] for word in ("yield", "continue", "return", "pass")]

    async def together():
        return await asyncio.gather(*(lm(messages, max_tokens=10) for messages in asks))

    assert asyncio.run(together()) == [call(lm, messages, max_tokens=10) for messages in asks]


def test_progress_is_told_while_the_prompt_is_read():
    heard = []
    call(Local(MODEL, progress=lambda *said: heard.append(said)))
    assert heard == [("prefill", len(PROMPT), len(PROMPT), "tokens")]


def test_a_beginning_set_apart_is_read_before_the_rest_is_known():
    text = "continue may only occur in a loop; it goes on with the next cycle of the loop. " * 3
    apart = [Message("system", "Be brief."), Message("user", text + "What does it do?", apart=len(text))]
    first, rest = MODEL.chat_apart([(m.role, m.content[: m.apart], m.content[m.apart :]) for m in apart])
    assert first + rest == MODEL.chat([(m.role, m.content) for m in apart])
    assert MODEL.decode(first).endswith("loop. ")
    method = Method.parse("kv=snapkv:window=8,budget=40")
    with MODEL.open(method, length=len(first + rest) + 12) as session:
        session.prefill([first])
        generation = Generation(session, MODEL.decode, limits=Limits(12, ends=MODEL.ends))
        list(generation.run([rest]))
    reply = call(Local(MODEL, method=method), apart)
    assert reply.text == generation.replies[0].text
    assert reply.first_seconds > 0
    whole = call(Local(MODEL, method=method), [apart[0], Message("user", apart[1].content)])
    assert whole.text != reply.text


def test_with_reuse_only_what_is_new_is_read_and_the_reply_stays_the_same():
    shared, plain = PrefixCache(1 << 30, block=8), Local(MODEL)
    first = call(Local(MODEL, reuse=shared))
    turns = [*ASK, Message("assistant", first.text), Message("user", "And what does return do?")]
    for messages in (ASK, turns):
        again, want = call(Local(MODEL, reuse=shared), messages), call(plain, messages)
        assert (again.text, again.finish) == (want.text, want.finish)
        assert again.usage.prompt_tokens == want.usage.prompt_tokens
        assert again.usage.cached_tokens >= (len(PROMPT) - 1) // 8 * 8 > 0 == want.usage.cached_tokens
    assert first.usage.cached_tokens == 0


@pytest.mark.parametrize(
    "other", [{"method": Method.parse("kv=full rope=yarn:factor=2")}, {"model": tiny_model(seed=1)}]
)
def test_another_method_or_model_shares_nothing(other):
    shared = PrefixCache(1 << 30, block=8)
    call(Local(MODEL, reuse=shared))
    assert call(Local(**{"model": MODEL, "reuse": shared, **other})).usage.cached_tokens == 0
