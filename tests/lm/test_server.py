"""Speaking to a server that is busy, fails, is absent or wants a key."""

from __future__ import annotations

import socket
import time
import traceback
from email.utils import formatdate

import pytest
from tests.lm.fake_server import CHAT, HELLO, QUICK, answer, call, failing, open_model, stream

from longspan.core.errors import InputError
from longspan.lm.http import Http
from longspan.lm.server import Wire

SECRET = "sk-very-secret-0123456789"


def test_a_busy_server_is_asked_again_when_it_says(fake):
    fake.on(CHAT, answer(429, {"error": {"message": "slow down"}}, retry_after="0.3"), stream(*HELLO))
    assert call(open_model(fake)).text.startswith("Grüße")
    first, second = fake.asked()
    assert second.at - first.at >= 0.3


def test_a_date_to_wait_for_is_understood(fake):
    date = formatdate(time.time() + 3600, usegmt=True)
    fake.on(CHAT, answer(429, {"error": {"message": "slow down"}}, retry_after=date))
    error = failing(open_model(fake))
    assert "answered 429: slow down and asks to wait 3" in str(error)
    assert len(fake.asked()) == 1


@pytest.mark.parametrize("nonsense", ["soon", "-5", "nan"])
def test_a_wait_nobody_understands_is_no_wait(fake, nonsense):
    fake.on(CHAT, answer(503, b"<html><b>busy</b></html>", retry_after=nonsense), stream(*HELLO))
    assert call(open_model(fake)).finish == "stop"


def test_a_failing_server_is_given_up(fake):
    fake.on(CHAT, answer(500, {"error": "boom"}))
    assert str(failing(open_model(fake))) == (
        f"{fake.url} answered 500: boom, at try 3: see that it runs and try again"
    )
    assert len(fake.asked()) == 3


def test_an_empty_account_is_not_asked_again(fake):
    fake.on(CHAT, answer(429, {"error": {"message": "pay first", "code": "insufficient_quota"}}))
    assert "pay first" in str(failing(open_model(fake)))
    assert len(fake.asked()) == 1


def test_a_refused_request_is_not_asked_again(fake):
    fake.on(CHAT, answer(400, {"object": "error", "message": "no such setting", "code": 400}))
    assert "answered 400: no such setting" in str(failing(open_model(fake)))
    assert len(fake.asked()) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
def test_the_key_is_sent_and_never_shown(fake, monkeypatch, status):
    monkeypatch.setenv("MY_KEY", f" {SECRET}\n")
    fake.on(CHAT, answer(status, {"error": {"message": f"Incorrect API key: {SECRET}"}}))
    lm = open_model(fake, wire=Wire(key="MY_KEY", pause=0.001, tries=2))
    error = failing(lm)
    assert fake.asked()[0].headers["authorization"] == f"Bearer {SECRET}"
    shown = "".join(traceback.format_exception(error)) + repr(lm) + repr(vars(lm)) + repr(error.args)
    assert SECRET not in shown
    assert "[key]" in str(error)


def test_a_key_echoed_in_a_broken_stream_is_hidden(fake, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    fake.on(CHAT, stream(b"data: {" + SECRET.encode() + b"\n\n"))
    assert SECRET not in "".join(traceback.format_exception(failing(open_model(fake))))


@pytest.mark.parametrize("key", ["sk-secret\nX-Other: 1", "sk-sécret"])
def test_an_impossible_key_is_refused_without_showing_it(fake, monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    error = failing(open_model(fake), InputError)
    assert "$OPENAI_API_KEY" in str(error)
    assert "cret" not in "".join(traceback.format_exception(error))


def test_without_a_key_none_is_sent_and_a_server_that_wants_one_is_explained(fake):
    fake.on(CHAT, answer(401, {"error": {"message": "who are you"}}))
    assert "set $OPENAI_API_KEY to a key" in str(failing(open_model(fake)))
    assert "authorization" not in fake.asked()[0].headers


def test_a_server_that_is_not_there_is_named():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    error = failing(Http(f"{url}#m", window=100, wire=QUICK))
    assert str(error).startswith(f"{url} did not answer (ConnectError")
    assert "at try 3" in str(error)


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
def test_an_address_may_leave_out_the_usual_path(path):
    assert Http(f"http://localhost:8000{path}#m", window=9).name == "http://localhost:8000/v1#m"


@pytest.mark.parametrize(
    ("url", "window", "said"),
    [
        ("localhost:8000#m", 9, "no server's address"),
        ("http://#m", 9, "no server's address"),
        ("http://localhost:8000/v1", 9, "names no model"),
        ("http://localhost:8000/v1#m", 0, "window of m is given as 0"),
        ("http://me:password@localhost/v1#m", 9, "put the key in"),
        ("http://localhost/v1?key=password#m", 9, "put the key in"),
    ],
)
def test_a_wrong_address_is_explained(url, window, said):
    with pytest.raises(InputError, match=said) as caught:
        Http(url, window=window)
    assert "password@" not in str(caught.value)
    assert "key=password" not in str(caught.value)


def test_no_tries_are_no_setting():
    with pytest.raises(ValueError, match="at least 1"):
        Wire(tries=0)
