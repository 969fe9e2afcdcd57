"""One OpenAI-compatible server: its address, its key, when to try again, and what went wrong in plain words."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from longspan.core.errors import InputError
from longspan.lm.wire import Refused, refusal

if TYPE_CHECKING:
    import ssl

    import httpx2

T = TypeVar("T")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_FOREVER = {"insufficient_quota", "billing_hard_limit_reached"}


@dataclass(frozen=True, slots=True)
class Wire:
    """How to talk to a server; times in seconds."""

    key: str = "OPENAI_API_KEY"
    """The environment variable that holds the key; where it is not set, none is sent."""
    stream: bool = True
    """Receive replies as they are made; False for a server that cannot, then `first` bounds a whole reply."""
    parallel: int = 8
    """Calls under way at once; more wait."""
    tries: int = 5
    """How often a call is made before a busy or failing server is given up."""
    pause: float = 0.5
    """Wait before the second try, doubled for each further one, with chance mixed in."""
    longest: float = 120.0
    """No single wait is longer; a server that asks for more is given up."""
    connect: float = 10.0
    """Wait for a connection."""
    first: float = 900.0
    """Wait for the first token: reading a long prompt takes minutes."""
    between: float = 60.0
    """Wait for the next token, and for answers that need no model."""

    def __post_init__(self) -> None:
        if min(self.tries, self.parallel) < 1:
            raise ValueError(f"tries is {self.tries} and parallel {self.parallel}: give at least 1 of each")


class ServerError(InputError):
    """A server that cannot be reached, refuses, fails or goes silent: the message says what to do."""


class Again(Exception):
    """A failure that the next try may not have; `wait` is the seconds the server asks for."""

    def __init__(self, what: str, wait: float = 0.0) -> None:
        self.wait = wait
        super().__init__(what)


class Server:
    """Where a server is and how it is spoken to; the key is read when it is used and is kept nowhere."""

    def __init__(self, url: str, wire: Wire) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InputError(f"{url!r} is no server's address: give one like http://localhost:8000/v1#model")
        if parts.username or parts.password or parts.query:
            raise InputError(f"the address of {parts.hostname} carries more than a place: put the key in ${wire.key}")
        self.base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/') or '/v1'}"
        self.root = self.base.removesuffix("/v1")
        self.wire = wire
        self._local = parts.hostname in _LOOPBACK

    def open(self) -> httpx2.AsyncClient:
        """Open a client for one call; a proxy named in the environment is not asked for this very machine."""
        import httpx2

        key = self._key()
        return httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx2.Timeout(None, connect=self.wire.connect),
            trust_env=not self._local,
            verify=self._trust,
        )

    async def retry(self, attempt: Callable[[], Awaitable[T]], may: Callable[[], bool]) -> T:
        """Run an attempt until it does not ask for another one; ServerError when none is left or `may` forbids it."""
        for number in range(1, self.wire.tries + 1):
            try:
                return await attempt()
            except Again as again:
                if number == self.wire.tries or not may():
                    raise self.error(f"{again}, at try {number}", advice="see that it runs and try again") from again
                if again.wait > self.wire.longest:
                    raise self.error(f"{again} and asks to wait {again.wait:.0f} s", advice="try again then") from again
                pause = min(self.wire.pause * 2 ** (number - 1), self.wire.longest) * random.uniform(0.5, 1)
                await asyncio.sleep(max(again.wait, pause))
        raise AssertionError("a server is tried at least once")

    async def fetch(self, client: httpx2.AsyncClient, url: str, body: object = None) -> Any:
        """Get JSON from an address that needs no model, by POST where there is something to send."""
        import httpx2

        try:
            async with asyncio.timeout(self.wire.between):
                response = await client.request("GET" if body is None else "POST", url, json=body)
        except (httpx2.RequestError, TimeoutError) as error:
            raise self.lost(error) from None
        if response.status_code != 200:
            raise self.failure(response)
        return response.json()

    async def ask(self, client: httpx2.AsyncClient, url: str, body: object = None) -> dict[str, Any]:
        """Get a JSON object, or an empty one from a server that has none there."""
        try:
            answer = await self.fetch(client, url, body)
        except (Again, Refused, ServerError, ValueError):
            return {}
        return answer if isinstance(answer, dict) else {}

    def lost(self, error: Exception) -> Again:
        """A reason to try again: the connection failed or broke."""
        return Again(self.hide(f"did not answer ({type(error).__name__}: {error})"))

    def failure(self, response: httpx2.Response) -> Exception:
        """What an answer that is no 200 means: OverLength's numbers, a reason to try again, or the end."""
        refused, status = refusal(response.text), response.status_code
        if refused.over_length:
            return refused
        said = f"answered {status}: {refused.text}"
        if (status == 429 or status >= 500) and not refused.codes & _FOREVER:
            return Again(self.hide(said), _retry_after(response))
        if status in {401, 403}:
            have = f"put a valid key in ${self.wire.key}" if self._key() else f"set ${self.wire.key} to a key"
            return self.error(said, advice=have)
        if status == 404:
            return self.error(said, advice="check the path, which mostly ends in /v1, and the model's name")
        return self.error(said, advice="correct the request or the server's settings")

    def error(self, what: str, *, advice: str) -> ServerError:
        """Make an error that names the server and never the key."""
        return ServerError(f"{self.base} {self.hide(what)}: {advice}")

    def hide(self, text: str) -> str:
        """Take the key out of what a server said."""
        key = self._key()
        return text.replace(key, "[key]") if key else text

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        """Certificates, read once: that takes longer than all else a client is made of."""
        import httpx2

        return httpx2.create_ssl_context()

    def _key(self) -> str:
        key = os.environ.get(self.wire.key, "").strip()
        if not (key.isascii() and key.isprintable()):
            raise InputError(f"${self.wire.key} holds signs that no key has: set it to the key alone")
        return key


def _retry_after(response: httpx2.Response) -> float:
    """Seconds the server asks to wait, which it says as a number or as a date."""
    said = response.headers.get("retry-after", "")
    try:
        return max(0.0, float(said) if said.replace(".", "", 1).isdigit() else _until(said))
    except ValueError:
        return 0.0


def _until(date: str) -> float:
    return parsedate_to_datetime(date).timestamp() - time.time()
