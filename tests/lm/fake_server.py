"""A real server on the loopback address that speaks what a test tells it to."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

import pytest

from longspan.lm.http import Http
from longspan.lm.lm import Message, Reply
from longspan.lm.server import ServerError, Wire

CHAT = "/v1/chat/completions"


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: dict
    at: float


Answer = Callable[["Handler", Request], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, *args: object) -> None:
        pass

    def _serve(self) -> None:
        data = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.path, headers, json.loads(data or b"{}"), time.monotonic())
        fake = self.server.fake
        with fake.lock:
            fake.requests.append(request)
            answers = fake.answers.get(self.path, [answer(404, {"error": {"message": "no such path"}})])
            chosen = answers.pop(0) if len(answers) > 1 else answers[0]
        try:
            chosen(self, request)
        except ConnectionError:
            fake.hung_up.set()
            self.close_connection = True


class Fake:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.requests: list[Request] = []
        self.answers: dict[str, list[Answer]] = defaultdict(list)
        self.hung_up = threading.Event()
        self.done = threading.Event()
        self.url = ""

    def on(self, path: str, *answers: Answer) -> None:
        """Give these answers in turn; the last one for ever."""
        self.answers[path] = list(answers)

    def asked(self, path: str = CHAT) -> list[Request]:
        return [request for request in self.requests if request.path == path]


def answer(status: int, body: object, **headers: str) -> Answer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    def send(handler: Handler, request: Request) -> None:
        handler.send_response(status)
        for name, value in {"content-type": "application/json", **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return send


def stream(*events: object, size: int = 0, done: bool = True, chunked: bool = False, pause: float = 0.0) -> Answer:
    """Server-sent events, their bytes cut every `size`, ended or cut off."""
    lines = [event if isinstance(event, bytes) else b"data: " + dumps(event) + b"\n\n" for event in events]
    data = b"".join(lines) + (b"data: [DONE]\n\n" if done else b"")
    pieces = [data[i : i + size] for i in range(0, len(data), size)] if size else [*lines, data[len(b"".join(lines)) :]]

    def send(handler: Handler, request: Request) -> None:
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream; charset=utf-8")
        handler.send_header(*(("transfer-encoding", "chunked") if chunked else ("connection", "close")))
        handler.end_headers()
        for piece in filter(None, pieces):
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            time.sleep(pause)
        if chunked and done:
            handler.wfile.write(b"0\r\n\r\n")
        handler.close_connection = True

    return send


def dumps(event: object) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()


def part(text: str = "", finish: str | None = None) -> dict:
    return {"model": "real", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}


def spent(prompt: int, completion: int, cached: int = 0) -> dict:
    details = {"prompt_tokens_details": {"cached_tokens": cached}} if cached else {}
    return {"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": completion, **details}}


def whole(text: str, finish: str = "stop") -> dict:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return {"model": "real", "choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 2}}


QUICK = Wire(pause=0.001, tries=3)
ASK = [Message("system", "Be brief."), Message("user", "Où est le chat ?")]
HELLO = [part("Grüße, "), part("世界 "), part("\u2028🙂"), part("", "stop"), spent(21, 5, 16)]


def open_model(fake, window: int = 1000, wire: Wire = QUICK) -> Http:
    return Http(f"{fake.url}#org/model:7b", window=window, wire=wire)


def call(lm: Http, messages=ASK, **settings) -> Reply:
    return asyncio.run(lm(messages, **{"max_tokens": 50, **settings}))


def failing(lm: Http, kind: type[Exception] = ServerError, messages=ASK, **settings) -> Exception:
    with pytest.raises(kind) as caught:
        call(lm, messages, **settings)
    return caught.value
