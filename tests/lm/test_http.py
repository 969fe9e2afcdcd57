"""Remote models over the real wire: replies, limits, time, and finding a model."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.lm.fake_server import ASK, CHAT, HELLO, QUICK, answer, call, failing, open_model, part, stream, whole

import longspan
from longspan.core.errors import InputError
from longspan.lm.http import connect
from longspan.lm.lm import Message, OverLength, Usage
from longspan.lm.server import Wire


def test_a_streamed_reply_is_handed_on_as_it_comes(fake):
    fake.on(CHAT, stream(*HELLO))
    pieces: list[str] = []
    reply = call(open_model(fake), temperature=0.5, seed=4, stop=["\n\n"], on_text=pieces.append)
    assert pieces == ["Grüße, ", "世界 ", "\u2028🙂"]
    assert reply.text == "".join(pieces)
    assert reply.usage == Usage(21, 5, 16)
    assert (reply.finish, reply.model) == ("stop", "real")
    assert fake.asked()[0].body == {
        "model": "org/model:7b",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Où est le chat ?"}],
        "max_tokens": 50,
        "temperature": 0.5,
        "seed": 4,
        "stop": ["\n\n"],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("size", [1, 3, 64])
def test_bytes_may_be_cut_anywhere(fake, size, chunked):
    fake.on(CHAT, stream(b": hello\n\n", *HELLO, size=size, chunked=chunked))
    assert call(open_model(fake)).text == "Grüße, 世界 \u2028🙂"


def test_a_whole_reply_needs_no_stream(fake):
    fake.on(CHAT, answer(200, whole("Là.", "length")))
    pieces: list[str] = []
    reply = call(open_model(fake, wire=Wire(stream=False)), on_text=pieces.append)
    assert (reply.text, reply.finish, reply.usage, pieces) == ("Là.", "length", Usage(9, 2), ["Là."])
    assert "stream" not in fake.asked()[0].body


def test_a_server_that_does_not_stream_is_understood(fake):
    fake.on(CHAT, answer(200, whole("Là.")))
    assert call(open_model(fake)).text == "Là."


def test_tokens_are_estimated_where_the_server_does_not_say(fake):
    fake.on(CHAT, stream(part("a b"), part("", "stop")))
    lm = open_model(fake)
    assert call(lm).usage == Usage(lm.count(ASK), 2)


@pytest.mark.parametrize(
    "bad", [b"data: {oops\n\n", b"data: [1]\n\n", b'data: {"choices": [{"delta": {"content": 3}}]}\n\n']
)
def test_malformed_parts_are_asked_again_and_then_shown(fake, bad):
    fake.on(CHAT, stream(bad), stream(*HELLO))
    assert call(open_model(fake)).finish == "stop"
    fake.on(CHAT, stream(bad))
    assert "sent what is no chat completion" in str(failing(open_model(fake)))


@pytest.mark.parametrize("chunked", [True, False])
def test_a_cut_stream_is_asked_again_while_nothing_was_handed_on(fake, chunked):
    fake.on(CHAT, stream(part("Grü"), done=False, chunked=chunked), stream(*HELLO))
    assert call(open_model(fake)).text == "Grüße, 世界 \u2028🙂"


@pytest.mark.parametrize("chunked", [True, False])
def test_a_cut_stream_is_an_error_once_text_was_handed_on(fake, chunked):
    fake.on(CHAT, stream(part("Grü"), done=False, chunked=chunked), stream(*HELLO))
    pieces: list[str] = []
    assert "at try 1" in str(failing(open_model(fake), on_text=pieces.append))
    assert pieces == ["Grü"]
    assert len(fake.asked()) == 1


def test_an_error_inside_a_stream_is_shown(fake):
    fake.on(CHAT, stream(part("a"), {"error": {"message": "out of memory", "code": 500}}))
    assert "failed: out of memory" in str(failing(open_model(fake), on_text=lambda text: None))


def test_a_withheld_reply_is_no_reply(fake):
    fake.on(CHAT, stream(part("a"), part("", "content_filter")))
    assert "content_filter" in str(failing(open_model(fake), InputError))
    assert len(fake.asked()) == 1


@pytest.mark.parametrize(
    ("error", "window", "tokens"),
    [
        ({"code": "context_length_exceeded", "message": "This model's maximum context length is 4097 tokens. "
          "However, your messages resulted in 4602 tokens. Please reduce the length of the messages."}, 4097, 4602),
        ({"type": "BadRequestError", "code": 400, "message": "This model's maximum context length is 16384 tokens. "
          "However, you requested 122946 tokens (112946 in the messages, 10000 in the completion)."}, 16384, 112946),
        ({"message": "You passed 5,041 input tokens and requested 4,096 output tokens. However, the model's context "
          "length is only 8,192 tokens"}, 8192, 5041),
        ({"type": "exceed_context_size_error", "message": "the request exceeds the available context size",
          "n_prompt_tokens": 1407, "n_ctx": 256}, 256, 1407),
        ({"message": "Requested tokens (2285) exceed context window of 2048"}, 2048, 2285),
        ({"code": "context_length_exceeded", "message": "too long"}, 1000, 0),
    ],
)  # fmt: skip
@pytest.mark.parametrize("how", ["status", "bare", "stream"])
def test_over_length_is_said_with_the_servers_numbers(fake, error, window, tokens, how):
    answers = {
        "status": answer(400, {"error": error}),
        "bare": answer(400, {"object": "error", **error}),
        "stream": stream({"error": error}),
    }
    fake.on(CHAT, answers[how])
    caught = failing(open_model(fake), OverLength)
    assert (caught.window, caught.tokens, caught.max_tokens) == (window, tokens, 50)
    assert f"{window:,}" in str(caught)
    assert len(fake.asked()) == 1


LONG = [Message("user", "word " * 300)]


def test_a_server_that_counts_refuses_before_reading(fake):
    fake.on("/tokenize", answer(200, {"count": 980, "max_model_len": 1000, "tokens": []}))
    caught = failing(open_model(fake), OverLength, LONG)
    assert str(caught) == (
        f"the prompt has 980 tokens and the reply may take 50, but the window of {fake.url}#org/model:7b holds 1,000: "
        "shorten the input by 30 tokens, ask for a shorter reply or take a model with a longer one"
    )
    assert fake.asked("/tokenize")[0].body["messages"] == [{"role": "user", "content": LONG[0].content}]
    assert not fake.asked()


def test_llama_cpp_counts_the_templated_prompt(fake):
    def count(handler, request):
        tokens = list(range(len(request.body.get("content", "").split())))
        answer(200, {"tokens": tokens})(handler, request)

    fake.on("/tokenize", count)
    fake.on(
        "/apply-template", lambda *both: answer(200, {"prompt": "<s> " + both[1].body["messages"][0]["content"]})(*both)
    )
    assert failing(open_model(fake, 340), OverLength, LONG).tokens == 301
    assert asyncio.run(open_model(fake).measure(LONG)) == 301


def test_a_server_that_does_not_count_is_asked_for_a_count_once(fake):
    fake.on(CHAT, stream(*HELLO))
    lm = open_model(fake)
    assert call(lm, LONG).text == call(lm, LONG).text
    assert len(fake.asked("/tokenize")) == 1
    assert len(fake.asked()) == 2


def test_a_prompt_that_surely_fits_is_not_counted(fake):
    fake.on(CHAT, stream(*HELLO))
    call(open_model(fake))
    assert not fake.asked("/tokenize")


def test_a_server_that_only_says_it_is_alive_runs_out_of_time(fake):
    fake.on(CHAT, stream(*[b": alive\n\n"] * 50, *HELLO, pause=0.03))
    error = failing(open_model(fake, wire=Wire(first=0.2, tries=3)))
    assert "sent no token for 0.2 s" in str(error)
    assert len(fake.asked()) == 1


def test_a_reply_that_stalls_runs_out_of_time(fake):
    def stall(handler, request):
        stream(part("a"), done=False)(handler, request)
        fake.done.wait(5)

    fake.on(CHAT, stall)
    began = time.monotonic()
    assert "sent no token for 0.2 s" in str(failing(open_model(fake, wire=Wire(between=0.2))))
    assert time.monotonic() - began < 3
    fake.done.set()


def test_a_slow_reply_has_as_long_as_it_needs_between_tokens(fake):
    fake.on(CHAT, stream(*[part("a")] * 8, part("", "stop"), pause=0.06))
    assert call(open_model(fake, wire=Wire(first=0.3, between=0.3))).text == "a" * 8


def test_calls_under_way_are_bounded(fake):
    lock, now, most = threading.Lock(), 0, 0

    def count(handler, request):
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.05)
        with lock:
            now -= 1
        stream(*HELLO)(handler, request)

    fake.on(CHAT, count)
    lm = open_model(fake, wire=Wire(parallel=2))

    async def many() -> None:
        await asyncio.gather(*(lm(ASK, max_tokens=5) for _ in range(6)))

    asyncio.run(many())
    asyncio.run(many())
    assert most == 2


def test_a_stopped_call_hangs_up(fake):
    fake.on(CHAT, stream(*[part("a")] * 100, pause=0.02))

    async def stopped() -> None:
        task = asyncio.create_task(open_model(fake)(ASK, max_tokens=100, on_text=lambda text: task.cancel()))
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(stopped())
    assert fake.hung_up.wait(5)


def test_an_error_of_the_listener_is_its_own(fake):
    fake.on(CHAT, stream(*HELLO))
    failing(open_model(fake), ZeroDivisionError, on_text=lambda text: 1 // 0)
    assert len(fake.asked()) == 1


MODELS = "/v1/models"


@pytest.mark.parametrize(
    ("entry", "window"),
    [
        ({"max_model_len": 4096}, 4096),
        ({"context_length": 128000}, 128000),
        ({"meta": {"n_ctx": 2048, "n_ctx_train": 131072}}, 2048),
        ({"meta": {"n_ctx_train": 131072}}, 131072),
    ],
)
def test_connecting_finds_the_only_model_and_its_window(fake, entry, window):
    fake.on(MODELS, answer(200, {"data": [{"id": "org/one", **entry}]}))
    lm = asyncio.run(connect(fake.url))
    assert (lm.name, lm.window) == (f"{fake.url}#org/one", window)


def test_llama_cpps_running_window_counts_more_than_the_trained_one(fake):
    fake.on(MODELS, answer(200, {"data": [{"id": "one", "meta": {"n_ctx_train": 131072}}]}))
    fake.on("/props", answer(200, {"default_generation_settings": {"n_ctx": 4096}}))
    assert asyncio.run(connect(fake.url)).window == 4096


def test_connecting_with_everything_told_asks_nothing(fake):
    assert asyncio.run(connect(f"{fake.url}#one", window=7)).window == 7
    assert not fake.requests


@pytest.mark.parametrize(
    ("models", "url", "said"),
    [
        ([{"id": "one"}], "", "does not say how long its window is"),
        ([{"id": "qwen3-8b"}, {"id": "llama"}], "#qwen-8b", "serves llama, qwen3-8b, not qwen-8b: write .*#qwen3-8b"),
        ([{"id": "a"}, {"id": "b"}], "", "serves a, b, not just one: write .*#a"),
        ([], "", "serves nothing"),
        ("what", "", "has no list of models"),
    ],
)
def test_a_model_that_cannot_be_chosen_is_explained(fake, models, url, said):
    fake.on(MODELS, answer(200, {"data": models}))
    with pytest.raises(InputError, match=said):
        asyncio.run(connect(fake.url + url, wire=QUICK))


def test_importing_is_cheap():
    source = str(Path(longspan.__file__).parents[1])
    heavy = "import sys, longspan.lm.http, longspan.lm.scripted; print({'torch', 'httpx2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, env={"PYTHONPATH": source})
    assert done.stdout.strip() == "set()", done.stderr
