"""Models behind an OpenAI-compatible server: vLLM, llama.cpp, our own, or a cloud."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from longspan.core.errors import InputError
from longspan.lm.lm import Message, OverLength, Reply
from longspan.lm.server import Again, Server, Wire
from longspan.lm.wire import Broken, Draft, Refused, estimate, listed, trained_window_of, window_of

if TYPE_CHECKING:
    import httpx2

_WIRE = Wire()
_TEMPLATE = 16
"""Tokens a chat template may add to a message."""


class Http:
    """A model of a server, `http://host:port/v1#model`, with its window in tokens; `connect` finds both by asking.

    A call is tried again while the server is busy or fails and nothing was handed to `on_text`; time running out is not
    tried again. An over-long prompt is refused before it is sent where the server counts tokens (vLLM, llama.cpp),
    else by the server; either way it is OverLength.
    """

    def __init__(self, url: str, *, window: int, wire: Wire = _WIRE) -> None:
        self._server = Server(url, wire)
        self._model = urlsplit(url).fragment
        self._counts = True
        self._slots: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
        if not self._model:
            raise InputError(f"{url} names no model: add it behind a #, as in {self._server.base}#model")
        if window < 1:
            raise InputError(f"the window of {self._model} is given as {window}: give its tokens, at least 1")
        self.name, self.window = f"{self._server.base}#{self._model}", window

    def count(self, text: str | Sequence[Message]) -> int:
        """Estimate tokens, as `wire.estimate` says; `measure` asks the server."""
        return estimate(text)

    async def measure(self, messages: Sequence[Message]) -> int:
        """Tokens of a whole prompt as the server's own tokenizer counts them; 0 where it does not tell."""
        if not self._counts:
            return 0
        async with self._slot(), self._server.open() as client:
            tokens = await self._tokens(client, messages)
        self._counts = tokens > 0
        return tokens

    async def __call__(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        seed: int = 0,
        stop: Sequence[str] = (),
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Answer; OverLength beyond the window, ServerError when the server cannot."""
        await self._fit(messages, max_tokens)
        body: dict[str, Any] = {"model": self._model, "messages": listed(messages), "max_tokens": max_tokens}
        body |= {"temperature": temperature, "seed": seed} | ({"stop": list(stop)} if stop else {})
        if self._server.wire.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        delivered = False

        def deliver(text: str) -> None:
            nonlocal delivered
            if text and on_text:
                delivered = True
                on_text(text)

        async def attempt() -> Reply:
            try:
                draft = await self._receive(client, body, deliver)
                return draft.reply(messages, self._model)
            except Broken as broken:
                raise Again(self._server.hide(str(broken))) from None

        async with self._slot(), self._server.open() as client:
            try:
                return await self._server.retry(attempt, lambda: not delivered)
            except Refused as refused:
                tokens, limit = refused.tokens, refused.window or self.window
                raise OverLength(self.name, window=limit, tokens=tokens, max_tokens=max_tokens) from None

    def _slot(self) -> asyncio.Semaphore:
        return self._slots.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self._server.wire.parallel))

    async def _fit(self, messages: Sequence[Message], max_tokens: int) -> None:
        """Ask for a count only where the prompt might not fit: a token is at least a byte."""
        most = sum(len(message.content.encode()) + _TEMPLATE for message in messages)
        if most + max_tokens > self.window:
            tokens = await self.measure(messages)
            if tokens + max_tokens > self.window:
                raise OverLength(self.name, window=self.window, tokens=tokens, max_tokens=max_tokens)

    async def _tokens(self, client: httpx2.AsyncClient, messages: Sequence[Message]) -> int:
        """Count as vLLM does, or as llama.cpp does, which does not take messages there."""
        ask, root, turns = self._server.ask, self._server.root, listed(messages)
        vllm = await ask(client, f"{root}/tokenize", {"model": self._model, "messages": turns})
        if isinstance(vllm.get("count"), int):
            return int(vllm["count"])
        prompt = (await ask(client, f"{root}/apply-template", {"messages": turns})).get("prompt")
        if not isinstance(prompt, str):
            return 0
        sent = {"content": prompt, "add_special": True, "parse_special": True}
        tokens = (await ask(client, f"{root}/tokenize", sent)).get("tokens")
        return len(tokens) if isinstance(tokens, list) else 0

    async def _receive(
        self, client: httpx2.AsyncClient, body: Mapping[str, Any], deliver: Callable[[str], None]
    ) -> Draft:
        """Make one call and take its reply as it comes; Again where another try may do better."""
        import httpx2

        draft, begun, now = Draft(), False, asyncio.get_running_loop().time
        limit = asyncio.timeout(self._server.wire.first)
        try:
            async with limit, aclosing(self._events(client, body)) as events:
                async for data in events:
                    text = draft.add(data)
                    deliver(text)
                    begun = begun or bool(text)
                    quiet = now() + self._server.wire.between
                    limit.reschedule(quiet if begun else max(quiet, limit.when() or quiet))
                    if draft.complete:
                        break
        except httpx2.RequestError as error:
            raise self._server.lost(error) from None
        except TimeoutError:
            if not limit.expired():
                raise
            wait = self._server.wire.between if begun else self._server.wire.first
            raise self._server.error(
                f"sent no token for {wait:g} s", advice="give it more time or less to read"
            ) from None
        return draft

    async def _events(self, client: httpx2.AsyncClient, body: Mapping[str, Any]) -> AsyncGenerator[str, None]:
        """JSON texts of an answer: many where it streams, else one."""
        import httpx2

        async with client.stream("POST", f"{self._server.base}/chat/completions", json=body) as response:
            if response.status_code != 200:
                await response.aread()
                raise self._server.failure(response)
            if response.headers.get("content-type", "").startswith("text/event-stream"):
                async for event in httpx2.EventSource(response):
                    yield event.data
            else:
                await response.aread()
                yield response.text


async def connect(url: str, *, window: int = 0, wire: Wire = _WIRE) -> Http:
    """Open `http://host:port/v1#model`; the model may be left out where one is served, the window where it is told.

    InputError where the server does not have the model or say its window; ServerError where it does not answer.
    """
    server, model = Server(url, wire), urlsplit(url).fragment
    if model and window:
        return Http(url, window=window, wire=wire)
    async with server.open() as client:
        answer = await server.retry(lambda: server.fetch(client, f"{server.base}/models"), lambda: True)
        entry = _choose(server, answer, model)
        window = window or window_of(entry) or await _running_window(server, client) or trained_window_of(entry)
    name = f"{server.base}#{entry['id']}"
    if not window:
        raise InputError(f"{name} does not say how long its window is: pass window=, prompt and reply together")
    return Http(name, window=window, wire=wire)


def _choose(server: Server, answer: Any, model: str) -> Mapping[str, Any]:
    """Find the named model, or the only one, in a list of models."""
    try:
        entries = {str(entry["id"]): entry for entry in answer["data"]}
        names = {alias: entry for entry in entries.values() for alias in entry.get("aliases") or ()} | entries
    except (AttributeError, KeyError, TypeError):
        raise server.error("has no list of models", advice="pass the model as #name and window=") from None
    if not model and len(entries) == 1:
        return dict(*entries.values())
    if model in names:
        return dict(names[model])
    near = difflib.get_close_matches(model, names, n=1) or sorted(entries)[:1]
    advice = f"write for instance {server.base}#{near[0]}" if near else "start it with a model"
    raise InputError(
        f"{server.base} serves {', '.join(sorted(entries)) or 'nothing'}, not {model or 'just one'}: {advice}"
    )


async def _running_window(server: Server, client: httpx2.AsyncClient) -> int:
    """llama.cpp's window as it was started, which is often shorter than the trained one."""
    settings = (await server.ask(client, f"{server.root}/props")).get("default_generation_settings")
    return window_of(settings) if isinstance(settings, dict) else 0
